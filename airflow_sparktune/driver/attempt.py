"""One attempt at a study: start it or continue it from its journal, and record how it ended."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from airflow_sparktune.driver.engines.base import Lane, Patience
from airflow_sparktune.driver.loop.stopping import StoppingRules, no_feasible, no_success
from airflow_sparktune.driver.loop.trial_queue import TrialQueue
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.opening import open_study
from airflow_sparktune.driver.plan import Plan
from airflow_sparktune.driver.progress_log import ProgressLog, log_end
from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.retuning.confirmation import NoSuggestions
from airflow_sparktune.driver.retuning.retuning import Retuner
from airflow_sparktune.driver.retuning.start_queue import StartQueue
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.termination import Killed, Termination
from airflow_sparktune.errors import SparktuneError, StorageError, Superseded, describe, format_error
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.events import Recommended
from airflow_sparktune.study.result import best_of_search
from airflow_sparktune.study.stopping import Rule, StopReason, StopRequested
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.trial import Trial, TrialPurpose

log = logging.getLogger(__name__)


class Attempt:
    """One attempt at the study in `storage`.

    `address` is the address of the storage, None for a study in memory. `reason` is set when the study has
    stopped. `killed` tells whether SIGTERM has arrived.
    """

    def __init__(
        self,
        plan: Plan,
        storage: Storage,
        address: str | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.reason: StopReason | None = None
        self.killed = False
        self._plan = plan
        self._storage = storage
        self._address = address
        self._open_study = partial(open_study, plan, storage, address, clock=clock, wall=wall, sleep=sleep)
        self._recorder: Recorder | None = None

    def run(self, termination: Termination | None = None) -> StopReason:
        """Run the study to its end and return the reason; `termination` handles SIGTERM.

        Other ends of the attempt are written to the journal and raised: Killed after a SIGTERM, NoSuccess if
        no trial succeeded. Superseded, if a newer attempt has taken over, is raised but not written.
        """
        termination = termination or Termination()
        try:
            reason = self._run(termination)
            self.killed = termination.requested
            return reason
        except Superseded:
            raise
        except (Killed, KeyboardInterrupt, SystemExit, Exception) as error:
            self.killed = termination.requested  # user code may have replaced Killed by another error
            try:
                self._close_with(error)
            except Exception as second:  # noqa: BLE001 - the first error is the one to raise
                log.error("the end of the attempt could not be written: %s", second)
            if self.killed:
                raise Killed from error
            raise

    def _run(self, termination: Termination) -> StopReason:
        plan = self._plan
        lane = plan.lane()
        with closing(lane):
            sampler = plan.sampler()
            pruner = pruner_of(plan.spec.pruner)
            given = plan.starts(sampler)
            recorder = self._open(sampler)
            recorder.spark(**plan.application())
            _say_what_needs_a_model(plan.spec, sampler)
            asked = StopRequested(self._stop_requested)
            rules = [asked, *plan.rules()]
            retuning = Retuner(plan.spec, recorder, sampler, self._address)
            starts = retuning.starts(given)
            self._prepare(lane, recorder, termination, wanted=min(rule.wanted for rule in rules))
            progress = ProgressLog(recorder.study, brief=plan.brief)
            progress.began(
                attempt=recorder.attempt,
                slots=min(lane.capacity, lane.slots),
                reserved=recorder.charged.slots,
            )
            termination.defer()
            listeners = (progress.trial, retuning.check_metrics)
            run = partial(_run_phase, recorder, lane, pruner, listeners)
            reason = retuning.search_ended
            if reason is None:
                queue = StartQueue(starts, study=recorder.study)
                own = retuning.search_rules(rules)
                reason = run(TrialPurpose.SEARCH, sampler=sampler, queue=queue, rules=own)
            retuning.require_incumbent()
            self.reason = reason
            if recorder.study.best is None:
                raise no_success(recorder.study, reason)
            if plan.spec.retuning.incumbent is None and best_of_search(recorder.study) is None:
                raise no_feasible(recorder.study)
            if retuning.search_ended is None and (found := sampler.recommend()) is not None:
                recorder.note(Recommended, trial=found.number, loss=found.loss, noise=found.noise)
            retuning.conclude(reason, partial(run, TrialPurpose.CONFIRM, sampler=NoSuggestions()))
            recorder.charge(lane.charge())
            recorder.close(reason)
        log_end(recorder.study, brief=plan.brief)
        return reason

    def _open(self, sampler: Sampler | None) -> Recorder:
        self._recorder = recorder = self._open_study(sampler)
        self._plan.opened(recorder.study)
        return recorder

    def _prepare(self, lane: Lane, recorder: Recorder, termination: Termination, wanted: float) -> None:
        """Prepare the lane within the study's remaining time, unless nothing is left to run."""
        spec, study = self._plan.spec, recorder.study
        decides = spec.retuning.incumbent is not None and study.decision is None
        if spec.max_evals is not None and study.finished >= spec.max_evals and not decides:
            return

        def look() -> None:
            termination.check()  # user code may have swallowed Killed
            recorder.charge(lane.charge())
            recorder.commit()

        patience = Patience(
            timeout=spec.timeout,
            left_s=math.inf if spec.timeout is None else spec.timeout - recorder.elapsed_s,
            has_result=study.best is not None,
            wanted=wanted,
            look=look,
        )
        with recorder.watch.on("prepare"):
            try:
                lane.prepare(patience)
            finally:  # slots cost, even if shared data cannot be loaded
                recorder.charge(lane.charge())

    def _stop_requested(self) -> bool:
        """Return whether a user has asked this attempt to stop."""
        if self._recorder is None:
            return False
        try:
            request = stop_requested(self._storage, attempt=self._recorder.attempt)
        except StorageError:  # the next check may succeed
            return False
        if request is not None:
            log.info("%s asked the study to stop; it ends with its best result so far", request.by)
        return request is not None

    def _close_with(self, error: BaseException) -> None:
        """Record the end of the attempt; open the study for that if Spark or the sampler did not start."""
        if self.killed or isinstance(error, KeyboardInterrupt):
            log.warning("killed; the next attempt continues the study")
            if self._recorder is not None:
                self._recorder.close(StopReason.KILLED)
            return
        # The message of a deliberate error is enough; other errors need their traceback.
        traceback = None if isinstance(error, SparktuneError) else format_error(error)
        log.error("%s", traceback or error)
        if not isinstance(error, StorageError):
            recorder = self._recorder or self._open(None)
            recorder.close(StopReason.ERROR, error=describe(error, traceback=traceback))


def _say_what_needs_a_model(spec: Spec, sampler: Sampler) -> None:
    """Log that run time is weighed, and which limits have no effect because the sampler has no model."""
    lacking = "limits.%s has no effect: algo %r has no model of the %s; use gp or auto"
    if spec.limits.stop_when_converged and not getattr(sampler, "has_model", False):
        log.warning(lacking, "stop_when_converged", spec.algo, "gain to expect")
    if spec.limits.cost_aware and not hasattr(sampler, "prefer_cheap"):
        log.warning(lacking, "cost_aware", spec.algo, "run time")
    elif spec.limits.cost_aware:
        log.info("suggestions prefer configurations that are cheap for what they promise, while time lasts")


def _run_phase(
    recorder: Recorder,
    lane: Lane,
    pruner: Pruner | None,
    listeners: Sequence[Callable[[Trial], None]],
    purpose: TrialPurpose,
    *,
    sampler: Sampler,
    queue: TrialQueue,
    rules: Sequence[Rule],
) -> StopReason:
    """Run the search or the confirmation of a study; `listeners` are called with each trial that ended."""

    def on_trial(trial: Trial) -> None:
        for listener in listeners:
            listener(trial)

    return Tuner(
        recorder=recorder,
        sampler=sampler,
        lane=lane,
        rules=StoppingRules(rules, ran_s=recorder.elapsed_s, clock=recorder.clock),
        queue=queue,
        purpose=purpose,
        pruner=pruner,
        on_trial=on_trial,
        clock=recorder.clock,
    ).run()
