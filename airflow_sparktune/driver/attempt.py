"""One attempt over a study: go on where its journal ends, or start; and write how it ended."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Protocol

from airflow_sparktune.driver.backends.base import Backend, Patience
from airflow_sparktune.driver.progress_log import ProgressLog, log_end
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.retuning.confirmation import NoSuggestions
from airflow_sparktune.driver.retuning.retuning import Retuning
from airflow_sparktune.driver.retuning.start_queue import StartQueue
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.stopping import StoppingRules, no_success
from airflow_sparktune.driver.termination import Killed, Termination, terminable
from airflow_sparktune.driver.trial_queue import Start, TrialQueue
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.errors import SparktuneError, StorageError, Superseded, describe, format_error
from airflow_sparktune.study.generations import earlier_generations
from airflow_sparktune.study.journal.follow import read_study, read_whole
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.stop_request import stop_requested
from airflow_sparktune.study.stopping import Rule, StopReason, StopRequested
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose

log = logging.getLogger(__name__)


class Plan(Protocol):
    """Says what an attempt runs: made of a spec, or by a script around `hyperopt.fmin`.

    The methods are called once each, in this order. `starts_over` leaves the trials in the journal alone.
    """

    spec: Spec
    starts_over: bool

    def backend(self) -> Backend:
        """Start what the trials run on."""

    def sampler(self) -> Sampler:
        """Return what suggests configurations."""

    def starts(self, sampler: Sampler) -> Sequence[Start]:
        """Return the configurations to begin with, in their order."""

    def seed(self, earlier: Study | None) -> int:
        """Return the study's seed; `earlier` is the study that is gone on with or taken over."""

    def adopts(self, earlier: Study, cleared: Sequence[Trial], *, goes_on: bool) -> Sequence[Trial]:
        """Return the finished trials of other studies that this one begins with.

        `earlier` is the study in the journal, `cleared` are the trials of a study that was cleared before it
        had a result.
        """

    def opened(self, study: Study) -> None:
        """Take note that the study is open; `study` follows its journal from now on."""

    def rules(self) -> Sequence[Rule]:
        """Return what ends the study, in the order in which it is asked."""


class Attempt:
    """One driver's life over the study in `storage`.

    `address` is where that lies, None for a study in memory. `reason` is why the study stopped, once it has;
    `killed` tells whether SIGTERM has come.
    """

    def __init__(
        self,
        plan: Plan,
        storage: Storage,
        address: str | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reason: StopReason | None = None
        self.killed = False
        self._plan = plan
        self._storage = DeadlineStorage(storage)
        self._address = address
        self._clock = clock
        self._recorder: Recorder | None = None

    def run(self) -> StopReason:
        """Run the study to its end.

        What ends the attempt otherwise is written into the journal and raised: Killed after a SIGTERM,
        Superseded (not written) where a newer attempt has taken over, NoSuccess where no trial succeeded.
        """
        with terminable() as termination:
            try:
                reason = self._run(termination)
                self.killed = termination.asked
                return reason
            except Superseded:
                raise
            except (Killed, KeyboardInterrupt, Exception) as error:
                self.killed = termination.asked  # code on its way may have made another error of Killed
                try:
                    self._close_with(error)
                except SparktuneError as second:
                    log.error("the end of the attempt could not be written: %s", second)
                if self.killed:
                    raise Killed from error
                raise

    def _run(self, termination: Termination) -> StopReason:
        plan = self._plan
        backend = plan.backend()
        with closing(backend):
            sampler = plan.sampler()
            given = plan.starts(sampler)
            recorder = self._open(sampler)
            recorder.spark(**backend.describe())
            asked = StopRequested(self._stop_requested)
            rules = [asked, *plan.rules()]
            retuning = Retuning(plan.spec, recorder, sampler, self._address)
            starts = retuning.starts(given)
            self._prepare(backend, recorder, termination, wanted=min(rule.wanted for rule in rules))
            progress = ProgressLog(recorder.study)
            progress.began(attempt=recorder.attempt, slots=backend.capacity)
            termination.hand_to(backend.interrupt)
            run = partial(_run_phase, plan.spec, recorder, backend, (progress.trial, retuning.look))
            reason = retuning.search_ended
            if reason is None:
                queue = StartQueue(starts, study=recorder.study)
                own = retuning.search_rules(rules)
                reason = run(TrialPurpose.SEARCH, sampler=sampler, queue=queue, rules=own)
            retuning.require_incumbent()
            if recorder.study.best is None:
                raise no_success(recorder.study, reason)
            retuning.conclude(reason, partial(run, TrialPurpose.CONFIRM, sampler=NoSuggestions()))
            self.reason = reason
            recorder.close(reason)
        log_end(recorder.study)
        return reason

    def _open(self, sampler: Sampler | None) -> Recorder:
        """Claim the next attempt, which goes on from what the journal holds of this study.

        The journal is read here and not before Spark starts: an older driver may still be at work, and
        what it finishes meanwhile need not be run again.
        """
        plan, spec = self._plan, self._plan.spec
        follower = read_whole(self._storage)
        for problem in follower.problems:
            log.warning("journal: %s", problem)
        earlier = follower.study
        changed = earlier.spec.changed_identity(spec) if earlier.spec else ()
        if changed and not plan.starts_over:
            log.warning(
                "the folder holds another study (%s changed), so this one starts over; an argument that "
                "changes by itself (a try number, the time) keeps retries from going on",
                ", ".join(changed),
            )
        goes_on = not changed and not plan.starts_over
        cleared = None if earlier.attempts else self._cleared()
        finished = [trial for trial in cleared.ended if trial.counts] if cleared else []
        if finished:
            log.info("taking over %d finished trials of the study that was cleared", len(finished))
        known = earlier.dimensions if goes_on else ()
        self._recorder = Recorder.open(
            self._storage,
            follower,
            spec=spec,
            seed=plan.seed(cleared or (earlier if goes_on else None)),
            # An attempt that fails before it has read the space says nothing against the known table.
            dimensions=tuple(item.to_json() for item in sampler.dimensions) if sampler else known,
            take_over=goes_on,
            adopted=plan.adopts(earlier, finished, goes_on=goes_on),
            grace_s=spec.storage_grace,
            clock=self._clock,
        )
        plan.opened(self._recorder.study)
        return self._recorder

    def _cleared(self) -> Study | None:
        """Return the study that was cleared before it had a verdict, if it is the same as this one."""
        study = Study()
        for previous in earlier_generations(self._address) if self._address else ():
            study = read_study(previous).study
            if study.spec is not None:  # one that was cleared before its driver had begun is passed over
                break
        if study.spec is None or not _undecided(study) or study.spec.changed_identity(self._plan.spec):
            return None
        return study

    def _prepare(self, backend: Backend, recorder: Recorder, termination: Termination, wanted: float) -> None:
        """Let the backend get ready within the rest of the study's time, unless nothing is left to run."""
        spec, study = self._plan.spec, recorder.study
        decides = spec.incumbent is not None and study.decision is None
        if spec.max_evals is not None and study.finished >= spec.max_evals and not decides:
            return

        def look() -> None:
            termination.check()  # code of the user's may have swallowed it
            recorder.commit()

        patience = Patience(
            timeout=spec.timeout,
            left_s=math.inf if spec.timeout is None else spec.timeout - recorder.elapsed_s,
            has_result=study.best is not None,
            wanted=wanted,
            look=look,
        )
        with recorder.watch.on("prepare"):
            backend.prepare(patience)

    def _stop_requested(self) -> bool:
        """Return whether somebody has asked this attempt to stop."""
        if self._recorder is None:
            return False
        try:
            request = stop_requested(self._storage, attempt=self._recorder.attempt)
        except StorageError:  # the next look may be answered
            return False
        if request is not None:
            log.info("%s asked the study to stop; it ends with what it has found", request.by)
        return request is not None

    def _close_with(self, error: BaseException) -> None:
        """Write how the attempt ended; where Spark or the sampler did not start, open the study for that."""
        if self.killed or isinstance(error, KeyboardInterrupt):
            log.warning("killed; the next attempt goes on where this one stopped")
            if self._recorder is not None:
                self._recorder.close(StopReason.KILLED)
            return
        # A deliberate error says it all; others need their traceback.
        traceback = None if isinstance(error, SparktuneError) else format_error(error)
        log.error("%s", traceback or error)
        if not isinstance(error, StorageError):
            recorder = self._recorder or self._open(None)
            recorder.close(StopReason.ERROR, error=describe(error, traceback=traceback))


def _run_phase(
    spec: Spec,
    recorder: Recorder,
    backend: Backend,
    listeners: Sequence[Callable[[Trial], None]],
    purpose: TrialPurpose,
    *,
    sampler: Sampler,
    queue: TrialQueue,
    rules: Sequence[Rule],
) -> StopReason:
    """Run the search or the confirmation of a study to its end; listeners hear of each trial that ended."""

    def on_trial(trial: Trial) -> None:
        for listener in listeners:
            listener(trial)

    return Tuner(
        spec=spec,
        seed=recorder.study.seed or 0,
        recorder=recorder,
        sampler=sampler,
        backend=backend,
        rules=StoppingRules(rules, ran_s=recorder.elapsed_s, clock=recorder.clock),
        queue=queue,
        purpose=purpose,
        on_trial=on_trial,
        clock=recorder.clock,
    ).run()


def _undecided(study: Study) -> bool:
    """Return whether a study ended without a verdict: its driver was killed, or lost what it ran on."""
    closed = study.closed
    if closed is None or closed.reason is StopReason.KILLED:
        return True
    return closed.error is not None and closed.error.get("retryable") is True
