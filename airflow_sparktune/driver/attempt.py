"""One attempt at a study: start it or continue it from its journal, and record how it ended."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Protocol

from airflow_sparktune.driver.engines.base import Lane, Patience
from airflow_sparktune.driver.progress_log import ProgressLog, log_end
from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.retuning.confirmation import NoSuggestions
from airflow_sparktune.driver.retuning.retuning import Retuner
from airflow_sparktune.driver.retuning.start_queue import StartQueue
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.stopping import StoppingRules, no_feasible, no_success
from airflow_sparktune.driver.termination import Killed, Termination
from airflow_sparktune.driver.trial_queue import Start, TrialQueue
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.errors import SparktuneError, StorageError, Superseded, describe, format_error
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.generations import earlier_generations
from airflow_sparktune.study.journal.events import Recommended
from airflow_sparktune.study.journal.follow import read_study, read_whole
from airflow_sparktune.study.record.settled import refuse_another_decision
from airflow_sparktune.study.result import best_of_search
from airflow_sparktune.study.stop_request import stop_requested
from airflow_sparktune.study.stopping import Rule, StopReason, StopRequested
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose

log = logging.getLogger(__name__)


class Plan(Protocol):
    """The components of an attempt. Created from a spec, or by a script around `hyperopt.fmin`.

    Each method is called once, in this order. `starts_over` ignores the trials in the journal. The log is
    `brief` if many studies write to it.
    """

    spec: Spec
    starts_over: bool
    brief: bool

    def lane(self) -> Lane:
        """Start the application if it is not running, and open the lane that runs the trials."""

    def application(self) -> Mapping[str, str | None]:
        """Return facts about the application for the journal (see Engine.describe)."""

    def sampler(self) -> Sampler:
        """Return the sampler that suggests configurations."""

    def starts(self, sampler: Sampler) -> Sequence[Start]:
        """Return the configurations to run first, in order."""

    def seed(self, earlier: Study | None) -> int:
        """Return the study's seed; `earlier` is the study that is continued or taken over, if any."""

    def adopts(self, earlier: Study, cleared: Sequence[Trial], *, goes_on: bool) -> Sequence[Trial]:
        """Return the finished trials of other studies that this study starts with.

        `earlier` is the study in the journal; `cleared` are the trials of a study that was cleared before it
        had a result.
        """

    def opened(self, study: Study) -> None:
        """Receive the study once it is open; `study` follows its journal from then on."""

    def rules(self) -> Sequence[Rule]:
        """Return the rules that end the study, in the order of evaluation."""


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
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._recorder: Recorder | None = None

    def run(self, termination: Termination | None = None) -> StopReason:
        """Run the study to its end and return the reason; `termination` tells of a SIGTERM.

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
            if plan.spec.limits.stop_when_converged and not getattr(sampler, "has_model", False):
                log.warning(
                    "limits.stop_when_converged has no effect: algo %r has no model of the gain to expect; "
                    "use gp or auto",
                    plan.spec.algo,
                )
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
            run = partial(_run_phase, plan.spec, recorder, lane, pruner, listeners)
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
        """Claim the next attempt, which continues the study in the journal.

        The journal is read after Spark has started: an older driver may still be running, and the trials that
        it finishes in the meantime need not run again.
        """
        plan, spec = self._plan, self._plan.spec
        follower = read_whole(self._storage, sleep=self._sleep)
        for problem in follower.problems:
            log.warning("journal: %s", problem)
        earlier = follower.study
        changed = earlier.spec.changed_identity(spec) if earlier.spec else ()
        if changed and not plan.starts_over:
            log.warning(
                "the folder holds another study (%s changed), so this one starts over; remove arguments that "
                "change on their own (a try number, the time), or retries cannot continue the study",
                ", ".join(changed),
            )
        goes_on = not changed and not plan.starts_over
        if goes_on:
            refuse_another_decision(earlier, spec)
        cleared = None if earlier.attempts else self._cleared()
        finished = [trial for trial in cleared.ended_trials if trial.counts] if cleared else []
        if finished:
            log.info("taking over %d finished trials of the cleared study", len(finished))
        known = earlier.dimensions if goes_on else ()
        self._recorder = Recorder.open(
            self._storage,
            follower,
            spec=spec,
            seed=plan.seed(cleared or (earlier if goes_on else None)),
            # An attempt that fails before it has parsed the space keeps the known dimensions.
            dimensions=tuple(item.to_json() for item in sampler.dimensions) if sampler else known,
            take_over=goes_on,
            adopted=plan.adopts(earlier, finished, goes_on=goes_on),
            grace_s=spec.execution.storage_grace,
            clock=self._clock,
            wall=self._wall,
            sleep=self._sleep,
        )
        plan.opened(self._recorder.study)
        return self._recorder

    def _cleared(self) -> Study | None:
        """Return the study that was cleared before it had a result, if its identity is the same."""
        study = Study()
        for previous in earlier_generations(self._address) if self._address else ():
            study = read_study(previous).study
            if study.spec is not None:  # skip a generation that was cleared before its driver started
                break
        if study.spec is None or study.has_verdict or study.spec.changed_identity(self._plan.spec):
            return None
        return study

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


def _run_phase(
    spec: Spec,
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
        spec=spec,
        seed=recorder.study.seed or 0,
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
