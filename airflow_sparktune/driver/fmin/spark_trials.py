"""A replacement for hyperopt's SparkTrials that runs the same scripts on this engine, with a journal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import hyperopt
import numpy as np
from hyperopt import base
from hyperopt.exceptions import AllTrialsFailed
from pyspark.resource import ResourceProfile
from pyspark.sql import SparkSession

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.driver.fmin.documents import Documents, progress_bar
from airflow_sparktune.driver.fmin.plan import FminPlan, result_is_valid
from airflow_sparktune.driver.fmin.sampler import given_seed
from airflow_sparktune.driver.fmin.search import Earlier, Search, call_with_graph
from airflow_sparktune.driver.fmin.spec import function_spec
from airflow_sparktune.driver.fmin.status import TrialsStatus, log
from airflow_sparktune.driver.fmin.storage import storage_of
from airflow_sparktune.driver.loop.stopping import no_success
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest
from airflow_sparktune.driver.spark.context import cluster_slots
from airflow_sparktune.driver.spark.session import start_session
from airflow_sparktune.driver.termination import KILLED, Killed, terminable
from airflow_sparktune.errors import NoSuccess
from airflow_sparktune.study.definition.file import with_retuning
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from airflow_sparktune.study.study import Study

_ENDED = (base.JOB_STATE_DONE, base.JOB_STATE_ERROR)


class SparkTrials(TrialsStatus):
    """Runs the trials of `hyperopt.fmin` as Spark tasks. A replacement for hyperopt's class of the same name.

        fmin(loss, space, algo=tpe.suggest, max_evals=100, trials=SparkTrials(parallelism=8))

    With `parallelism` unset or not positive, a trial runs in every task slot of the cluster, as executors
    come and go, without an upper limit. `timeout` (seconds) and `loss_threshold` end the study.
    `points_to_evaluate` are raw points by label (for a choice, the index of its option) to run first.
    `resource_profile` is for clusters with stage-level scheduling. `pruner` stops trials early whose
    objective reports by `airflow_sparktune.current_trial()`.

    `study` is the folder or URL of the journal. The default is the Spark conf spark.sparktune.study, else the
    environment variable SPARKTUNE_STUDY. (The second SparkTrials of a process then uses the subfolder
    `fmin-2`, and so on.) Without any of these, the journal is kept in memory. A script that runs again
    continues its study; a study that has ended returns at once. `driver.fmin.spec` defines when two runs have
    the same study. `timeout` limits the running time of all attempts together.

    A second fmin with the same object continues with its trials, as hyperopt does, even if the search has
    changed. Trials whose points are invalid in the new space (other labels, a missing option) are left out
    with a warning. Ended trials that a user inserted are kept too. The journal then holds the study of the
    last fmin. If its objective, space, algorithm or seed differs from the first, a second run of the script
    starts over.

    A worker runs many trials: global variables that the objective sets are visible to the next trial, while
    hyperopt starts a new process for each. Parameters are fresh in each trial.
    """

    asynchronous = True
    MAX_CONCURRENT_JOBS_ALLOWED = sys.maxsize  # scripts read hyperopt's limit

    def __init__(
        self,
        parallelism: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        spark_session: SparkSession | None = None,
        resource_profile: ResourceProfile | None = None,
        *,
        study: str | os.PathLike[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        pruner: str | None = None,
    ) -> None:
        super().__init__(exp_key=None, refresh=False)
        base.validate_timeout(timeout)
        base.validate_loss_threshold(loss_threshold)
        self._connect(spark_session)
        self.user_specified_parallelism = parallelism
        self._follows_cluster = parallelism is None or parallelism <= 0
        self.parallelism = (
            max(cluster_slots(self._spark_context), 1) if self._follows_cluster else parallelism
        )
        self.timeout = timeout
        self.loss_threshold = loss_threshold
        self._profile = resource_profile
        if resource_profile is not None and self._spark_context.master.startswith("local"):
            log.warning("resource_profile must go with a cluster, got a local master; it is left out")
            self._profile = None
        self._study = study
        self._storage: Storage | None = None
        self._address: str | None = None
        self._pruner = pruner
        self._points = tuple(points_to_evaluate or ())
        self._earlier = Earlier()
        self.refresh()

    def __str__(self) -> str:
        return f"SparkTrials(trials={self.trials})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the Spark session, which cannot be pickled."""
        return {**self.__dict__, "_spark": None, "_spark_context": None, "_profile": None}

    def delete_all(self) -> None:
        """Forget the trials. The next fmin starts a new study; the journal keeps the old one."""
        super().delete_all()
        self._earlier = Earlier(starts_over=True, seeds=self._earlier.seeds)
        self._cancelled(None)

    def fmin(
        self,
        fn: Callable[[Any], Any],
        space: Any,
        algo: Suggest | None = None,
        max_evals: int | None = None,
        timeout: float | None = None,
        loss_threshold: float | None = None,
        max_queue_len: int = 1,  # noqa: ARG002 - a configuration is requested when its slot is free
        rstate: np.random.Generator | None = None,
        verbose: bool = False,
        pass_expr_memo_ctrl: bool | None = None,
        catch_eval_exceptions: bool = False,  # noqa: ARG002 - exceptions are always caught
        return_argmin: bool = True,
        show_progressbar: Any = True,
        early_stop_fn: Callable[..., tuple[bool, Sequence[Any]]] | None = None,
        trials_save_file: str = "",
    ) -> Any:
        """Minimise `fn`. `hyperopt.fmin` calls this method; its documentation describes the arguments.

        Raises AllTrialsFailed if `return_argmin` is set and no trial was successful.
        """
        if timeout is not None and self.timeout is not None:
            log.warning(
                "timeout is given to SparkTrials (%s s) and to fmin; that of SparkTrials is used",
                self.timeout,
            )
        if trials_save_file:
            log.warning("trials_save_file is ignored; the journal at `study` keeps the trials")
        base.validate_timeout(timeout)
        base.validate_loss_threshold(loss_threshold)
        self._connect(self._spark)  # again, because a pickle or copy of this object has no session
        algo = algo or hyperopt.tpe.suggest
        # hyperopt.fmin passes sys.maxsize if the script sets no limit.
        limit = None if max_evals is None or max_evals >= sys.maxsize else max_evals
        generator = np.random.default_rng() if rstate is None else rstate
        domain = base.Domain(fn, space, pass_expr_memo_ctrl=pass_expr_memo_ctrl)
        spec = function_spec(
            fn,
            space=domain.expr,
            algo=algo,
            max_evals=limit,
            parallelism=None if self._follows_cluster else self.parallelism,
            timeout=self.timeout or timeout,
            pruner=self._pruner,
            limits={"loss_threshold": self.loss_threshold if loss_threshold is None else loss_threshold},
            seed=given_seed(generator),
        )
        earlier = self._earlier
        seeds = earlier.seeds_of(generator)
        # Inserted documents that have not ended are points to start with.
        inserted = [doc for doc in self._dynamic_trials[earlier.settled :] if doc["state"] in _ENDED]
        waiting = (doc["misc"] for doc in self._dynamic_trials if doc["state"] == base.JOB_STATE_NEW)
        with progress_bar(verbose and show_progressbar)(initial=0, total=limit) as bar:
            documents = Documents(
                self, earlier.answers, labels=sorted(domain.params), early_stop_fn=early_stop_fn, bar=bar
            )
            search = Search(
                spec=spec,
                function=partial(call_with_graph, domain) if domain.pass_expr_memo_ctrl else fn,
                domain=domain,
                suggest=algo,
                seeds=seeds,
                # Drawn even if unused, so that the state of the script's generator is the same in every run.
                seed=seeds.draw() if spec.seed is None else spec.seed,
                documents=documents,
                raw_params=domain.pass_expr_memo_ctrl,
                points=(*self._points, *map(base.spec_from_misc, waiting)),
                inserted=documents.inserted(inserted),
                profile=self._profile,
            )
            study = self._minimise(search)
        if not return_argmin:
            return hyperopt.space_eval(space, self.argmin) if len(self) else None
        try:
            return self.argmin
        except AllTrialsFailed:
            raise AllTrialsFailed(
                f"There are no evaluation tasks with a loss: {no_success(study, StopReason.MAX_EVALS)}"
            ) from None

    def _connect(self, session: SparkSession | None) -> None:
        self._spark = session or SparkSession.getActiveSession() or start_session("sparktune")
        self._spark_context = self._spark.sparkContext

    def _minimise(self, search: Search) -> Study:
        """Run the study, or read the result of a study that has ended."""
        if self._storage is None:
            self._storage, self._address = storage_of(self._study, self._spark_context)
        search = replace(search, spec=with_retuning(search.spec, self._storage))
        follower = StudyFollower(self._storage)
        follower.refresh()
        study = follower.study
        if not self._earlier.starts_over and result_is_valid(study, search):
            log.info("the study has already ended; returning its result")
            search.documents.keep(study)
            self._cancelled(study.closed.reason if study.closed else None)
            self._settle(study, search)
            return study
        context = self._spark_context
        engine = SparkEngine(lambda: context)
        plan = FminPlan(search, engine, starts_over=self._earlier.starts_over, own=self._earlier.began)
        attempt = Attempt(plan, DeadlineStorage(self._storage), self._address)
        try:
            # NoSuccess: fmin decides whether this is an error.
            with suppress(NoSuccess), closing(engine), terminable(engine.interrupt) as termination:
                attempt.run(termination)
            self._cancelled(attempt.reason)
        except KeyboardInterrupt:
            self._cancelled(StopReason.KILLED)
            raise
        except Killed as error:
            raise SystemExit(KILLED) from error
        finally:
            if plan.study is not None:
                study = plan.study
                self._settle(study, search)
                self._log_counts()
        if attempt.killed:  # SIGTERM arrived after the study's end: exit the script
            raise SystemExit(KILLED)
        return study

    def _settle(self, study: Study, search: Search) -> None:
        """Keep the trials of a study for readers and for the next fmin."""
        search.documents.settle(study)
        self._earlier.settle(study, search, documents=len(self._dynamic_trials))
