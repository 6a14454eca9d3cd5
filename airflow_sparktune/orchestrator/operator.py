"""SparkTuneOperator: submits the driver program, and brings the best hyperparameters to XCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import SparktuneError, SpecError
from airflow_sparktune.orchestrator.deploy.connection import resolved_connection
from airflow_sparktune.orchestrator.deploy.script import find_script
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.submission import prepare
from airflow_sparktune.orchestrator.deploy.submission_operator import SubmissionOperator
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, gather_code
from airflow_sparktune.orchestrator.deploy.work_folder import work_folder
from airflow_sparktune.orchestrator.progress import KEY, followed, progress
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.orchestrator.spark_ui import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.task_study import (
    address_of,
    code_bases,
    generation_of,
    warn_of_local_storage,
)
from airflow_sparktune.orchestrator.verdict import verdict
from airflow_sparktune.study.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.spec_file import write_spec
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.sdk import Context

# The arguments that make up the spec; each is templated.
SPEC_FIELDS = (
    "objective", "objective_kwargs", "space", "max_evals", "algo", "parallelism", "timeout", "trial_timeout",
    "loss_threshold", "no_progress", "min_improvement", "max_failures", "max_trial_retries", "seed",
    "run_trials_on", "shared_data", "fresh_workers",
)  # fmt: skip

# What they are where nobody gives them.
DEFAULTS = {item.name: item.default for item in fields(Spec)}


class SparkTuneOperator(SubmissionOperator):
    """Tune hyperparameters on Spark; XCom gets the best ones.

    Everything that SparkSubmitOperator takes is taken. What makes up the spec is checked when the task
    runs, after templating, so templates, XComArgs and mapped values work.

    A script around `hyperopt.fmin` with this package's SparkTrials runs too: give it as `application`, in
    place of objective, space and max_evals.

    :param objective: `module:function` or `path/to/file.py:function`; params in, loss out
    :param space: builders of `airflow_sparktune.space`, their JSON, or `module:SPACE` with a hyperopt space
    :param max_evals: how many trials to finish
    :param objective_kwargs: further arguments of the objective, plain JSON
    :param algo: tpe, random, anneal, atpe, or `module:function` with hyperopt's suggest signature
    :param parallelism: trials at once; unset: every task slot of the cluster
    :param timeout: bounds the running time of all attempts together; a timedelta or seconds
    :param trial_timeout: bounds each trial
    :param loss_threshold: stop at a loss as low as this
    :param no_progress: stop after this many trials without an improvement of `min_improvement`
    :param max_failures: stop after more failed trials than this, a count or a share of max_evals
    :param max_trial_retries: how often a trial that lost its worker is run again
    :param seed: makes the study repeatable; unset: drawn once, and kept in the journal
    :param run_trials_on: `executors`, or `driver` for trials that use the whole cluster (Spark MLlib)
    :param shared_data: `module:function`, called once on the driver; its value reaches an objective that has
        a parameter named shared_data
    :param fresh_workers: give each trial a Python process of its own
    :param log_level: `trials` keeps Spark's own lines out of the task's log, `spark` brings them back
    :param storage: a folder or URL that Airflow and the driver both reach; unset: `[sparktune] storage`
    """

    template_fields: Sequence[str] = (*SubmissionOperator.template_fields, *SPEC_FIELDS, "storage")
    template_fields_renderers: ClassVar[dict[str, str]] = {"objective_kwargs": "json", "space": "json"}
    operator_extra_links = (SparkUiLink(),)
    ui_color = "#e8f0d8"

    def __init__(
        self,
        *,
        objective: str | None = None,
        space: Any = None,
        max_evals: int | str | None = None,
        objective_kwargs: Mapping[str, Any] | None = None,
        algo: str = "tpe",
        parallelism: int | str | None = None,
        timeout: Any = None,
        trial_timeout: Any = None,
        loss_threshold: float | str | None = None,
        no_progress: int | str | None = None,
        min_improvement: float | str | None = None,
        max_failures: float | str | None = None,
        max_trial_retries: int | str | None = None,
        seed: int | str | None = None,
        run_trials_on: str = "executors",
        shared_data: str | None = None,
        fresh_workers: bool = False,
        storage: str | None = None,
        log_level: str = "trials",
        name: str = "sparktune",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.objective = objective
        self.space = space
        self.max_evals = max_evals
        self.objective_kwargs = objective_kwargs
        self.algo = algo
        self.parallelism = parallelism
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.loss_threshold = loss_threshold
        self.no_progress = no_progress
        self.min_improvement = min_improvement
        self.max_failures = max_failures
        self.max_trial_retries = max_trial_retries
        self.seed = seed
        self.run_trials_on = run_trials_on
        self.shared_data = shared_data
        self.fresh_workers = fresh_workers
        self.storage = storage
        self.log_level = log_level
        self.spark_ui: str | None = None

    def execute(self, context: Context) -> Any:
        """Run the study, or go on with it, or deliver what it came to; returns the best params."""
        try:
            address = address_of(context, self.storage)
            study = self._run(address, context)
        except SparktuneError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error
        told = summary(study)
        ti = context["ti"]
        ti.xcom_push(key="best_loss", value=told["best_loss"])
        ti.xcom_push(key="tuning_result", value={"study": address, **told})
        return told["best_params"]

    def _run(self, address: str, context: Context) -> Study:
        if self.log_level not in ("trials", "spark"):
            raise SpecError(f"log_level must be 'trials' or 'spark', got {self.log_level!r}")
        script = self._script(context)
        spec, code = (None, None) if script else self._spec(context)
        before = read_study(address)
        for problem in before.problems:
            self.log.warning("journal: %s", problem)
        known = before.study
        context["ti"].xcom_push(key="study", value=address)
        if spec is not None and known.answers(spec):
            self.log.info("the study at %s has a result already; delivering it", address)
            return known
        connection = resolved_connection(self._conn_id, self._get_hook)
        warn_of_local_storage(address, deploy_mode=connection["deploy_mode"])
        if spec is not None:
            write_spec(address, spec)
        self.log.info("study: %s", address)
        # One application per generation and identity: neither a task that was cleared nor one that now asks
        # something else must reconnect to the application before it, which a newer driver makes stop.
        question = f"g{generation_of(context)}_{spec.identity if spec is not None else 'script'}"
        with work_folder() as folder:
            submission = prepare(
                address,
                folder=folder,
                code=code,
                master=connection["master"],
                deploy_mode=connection["deploy_mode"],
                conf=self.conf or {},
                install=SparkInstall.find(connection["spark_binary"]),
                script=script,
                quiet=self.log_level == "trials",
            )
            with followed(address, partial(self._tell, context=context)):
                failure = self.submit(submission, context, question=question)
        study = verdict(address, spec=spec, before=known, failure=failure)
        if spec is not None and not study.answers(spec):
            self.log.warning("this result was found within other limits; clear the task to tune within these")
        if script and failure is not None:
            raise failure  # the study has a result, but the script went on and failed
        return study

    def _script(self, context: Context) -> tuple[str, ...]:
        """The user's own program and its arguments; empty where a spec is to be run."""
        if not self.application:
            return ()
        beside = [name for name in SPEC_FIELDS if getattr(self, name) not in (None, DEFAULTS.get(name))]
        return find_script(
            self.application, self.application_args or (), beside=beside, bases=tuple(code_bases(context))
        )

    def _spec(self, context: Context) -> tuple[Spec, UserCode | None]:
        if self.application_args:
            raise SpecError(
                f"application_args must go with an application, got {self.application_args!r} without one; "
                "what an objective gets is its objective_kwargs"
            )
        given = {name: getattr(self, name) for name in SPEC_FIELDS}
        named, code = self._gather_code(given, context)
        spec = Spec.of(**named, code=code.sha256 if code is not None else None)
        refuse_secrets(spec.to_json())
        return spec, code

    def _gather_code(
        self, given: Mapping[str, Any], context: Context
    ) -> tuple[dict[str, Any], UserCode | None]:
        """The arguments with `module:name` for each reference, and the code that travels for them."""
        return gather_code(given, bases=tuple(code_bases(context)))

    def _tell(self, study: Study, context: Context) -> None:
        """Let Airflow's UI know where the study stands, and where Spark's UI is."""
        if (store := context.get("task_state_store")) is not None:
            store.set(KEY, progress(study))
        if (url := spark_ui(study)) is not None and url != self.spark_ui:
            self.spark_ui = url
            context["ti"].xcom_push(key=SparkUiLink().xcom_key, value=url)
