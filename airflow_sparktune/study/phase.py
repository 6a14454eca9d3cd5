"""The phase of a study, as the page, the history, `sparktune show` and notebooks show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin

# A running driver writes at least every 30 s; after three missed writes it counts as lost.
SILENT_S = 90.0
# Before the first trial it writes nothing while it loads shared data and waits for an executor.
SILENT_STARTING_S = 900.0
# An event that is further in the future tells nothing about the driver, whose clock is wrong.
AHEAD_S = 1_800.0

# Airflow's task instance states in which a driver of the task is to come or runs, and in which none can run.
# A task that has prepared its study for another operator succeeds before the driver runs.
_TASK_AT_WORK = frozenset({"scheduled", "queued", "running", "restarting", "deferred"})
_TASK_ENDED = frozenset({"failed", "up_for_retry", "upstream_failed", "skipped", "removed"})


class Phase(StrEnum):
    """The phase of a study."""

    WAITING = "waiting"  # for the first driver, or for that of the task's next try
    STARTING = "starting"  # a driver has opened the study, but no trial has started
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"  # the driver disappeared without closing the study

    @property
    def over(self) -> bool:
        """Return whether no driver is running, so that the study stays as it is until the next attempt."""
        return self not in (Phase.WAITING, Phase.STARTING, Phase.RUNNING)

    @property
    def at_work(self) -> bool:
        """Return whether a driver is running."""
        return self in (Phase.STARTING, Phase.RUNNING)

    @property
    def text(self) -> str:
        """Return the phase in words, for a study without an end."""
        return "lost, its driver died" if self is Phase.LOST else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse(JsonObject):
    """The facts of a study that decide its phase, together with the time.

    `end` is the phase of a closed study. `last` is the time of the newest attempt's last event, None before
    the first attempt; `handed_out` tells whether that attempt has started a trial.
    """

    WHAT: ClassVar[str] = "the pulse of a study"

    end: Phase | None = stored(Phase, default=None)
    last: float | None = stored(shape.moment, default=None)
    handed_out: bool = stored(shape.truth, default=False)

    @classmethod
    def of(cls, study: Study) -> Pulse:
        """Return the pulse of a study."""
        if not study.attempts:
            return cls()
        attempt = study.attempts[-1]
        handed_out = any(
            trial.attempt >= attempt.number and trial.origin is not TrialOrigin.ADOPTED
            for trial in study.trials.values()
        )
        return cls(end=_end_of(study), last=attempt.last, handed_out=handed_out)

    def phase(self, *, now: float, task_state: str | None = None) -> Phase:
        """Return the phase at `now`, as `phase_of` does."""
        if self.end is not None:
            return self.end
        if self.last is None:
            return Phase.WAITING
        patience_s = SILENT_S if self.handed_out else SILENT_STARTING_S
        if not -AHEAD_S <= now - self.last <= patience_s or task_state in _TASK_ENDED:
            return Phase.LOST
        return Phase.RUNNING if self.handed_out else Phase.STARTING


def phase_of(
    study: Study, *, now: float, task_state: str | None = None, task_since: float | None = None
) -> Phase:
    """Return the phase of `study` at `now`, in seconds since 1970.

    The driver's clock may be up to AHEAD_S ahead of this one; a driver that dies then counts as lost that
    much later. `task_state` is Airflow's state of the task instance, if known, and `task_since` the time at
    which it began. A study that is not closed although its task has ended is lost, even if its driver wrote a
    moment ago. If no driver has written since the task's next try began, the study waits for its driver.
    """
    if _between_tries(study, task_state, task_since):
        return Phase.WAITING
    return Pulse.of(study).phase(now=now, task_state=task_state)


def _end_of(study: Study) -> Phase | None:
    if study.closed is None:
        return None
    if study.closed.reason is StopReason.KILLED:
        return Phase.KILLED
    failed = study.closed.reason is StopReason.ERROR or study.closed.error is not None
    return Phase.FAILED if failed else Phase.DONE


def _between_tries(study: Study, task_state: str | None, task_since: float | None) -> bool:
    """Return whether the task's next try has begun, and the study has neither a result nor news of it."""
    if task_state not in _TASK_AT_WORK or task_since is None or not study.attempts:
        return False
    return study.attempts[-1].last < task_since and not study.result_stands


def stage_of(study: Study, phase: Phase) -> str | None:
    """Return a description of how far the driver has started; None if it has, or if none is to come.

    >>> stage_of(Study(), Phase.WAITING)
    'waiting for Spark'
    """
    if phase is Phase.WAITING:
        return "waiting for the driver of the task's next try" if study.attempts else "waiting for Spark"
    if phase is not Phase.STARTING:
        return None
    if study.attempts[-1].spark is None:
        return "the driver is up"
    return "Spark is up; workers are starting and importing the objective"
