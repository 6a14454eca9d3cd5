"""Turn the events of a lane and expired timeouts into trials that have ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from airflow_sparktune.driver.engines.base import Ended, Lane, LaneEvent, Lost
from airflow_sparktune.driver.loop.slots import Slots
from airflow_sparktune.driver.loop.trial_queue import TrialQueue, without_slot
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.reports.judge import Judge
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

log = logging.getLogger(__name__)


class Ends:
    """Frees the slots of trials that have ended, and returns them; queues a trial that may run again."""

    def __init__(
        self, recorder: Recorder, lane: Lane, *, slots: Slots, queue: TrialQueue, judge: Judge
    ) -> None:
        self._recorder = recorder
        self._limits = recorder.spec.limits
        self._lane = lane
        self._slots = slots
        self._queue = queue
        self._judge = judge

    def of(self, events: Sequence[LaneEvent]) -> Iterator[Trial]:
        """Yield the trials that have ended."""
        for event in events:
            trial = self._slots.vacate(event.number)
            if trial is None:  # cancelled before it reported
                continue
            match event:
                case Ended(reply=reply):
                    yield self._answered(trial, reply)
                case Lost(reason=reason) if trial.tries > self._limits.max_trial_retries:
                    yield self._failed(trial, _lost_worker(trial.tries, reason))
                case Lost(reason=reason):
                    self._repeat(trial, reason)

    def overdue(self) -> Iterator[Trial]:
        """Cancel the trials that have run for longer than their timeout, and yield them as failed."""
        for number in self._slots.overdue(self._lane.ran_s):
            yield self._failed(self.cancel(number), _timed_out(self._limits.trial_timeout or 0.0))

    def cancel(self, number: int) -> Trial:
        """Cancel a trial and return it; any result that its slot still reports is ignored."""
        trial = self._slots.cancel(number)
        self._lane.cancel(number)
        return trial

    def _answered(self, trial: Trial, reply: Reply) -> Trial:
        if reply.output is not None:
            self._recorder.output(trial.number, reply.output)
        self._recorder.reports((), lost=self._judge.missed(reply.unreported))
        return trial.ended(
            reply.state,
            end=self._recorder.now,
            loss=reply.loss,
            run_s=reply.run_s,
            error=reply.failure,
            info=reply.info or {},
        )

    def _repeat(self, trial: Trial, reason: str) -> None:
        log.warning("trial %d lost its worker and runs again: %s", trial.number, reason)
        again = without_slot(trial)
        self._judge.end(again)
        self._queue.run_again(again)
        self._recorder.trial(again)

    def _failed(self, trial: Trial, error: Failure) -> Trial:
        return trial.ended(TrialState.FAILED, end=self._recorder.now, error=error)


def lost_driver(tries: int) -> Failure:
    """Return the failure of a trial during which the driver has died too often."""
    return Failure(
        FailureKind.LOST,
        f"its driver died in each of {tries} tries; it may need more memory than the driver has, "
        "or exit the process that it runs in",
    )


def _lost_worker(tries: int, reason: str) -> Failure:
    return Failure(FailureKind.LOST, f"its worker or executor was lost in each of {tries} tries: {reason}")


def _timed_out(limit_s: float) -> Failure:
    return Failure(
        FailureKind.TIMEOUT,
        f"it ran longer than limits.trial_timeout ({limit_s:g} s); raise it if that is normal",
    )
