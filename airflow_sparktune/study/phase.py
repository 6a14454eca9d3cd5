"""Where a study stands: one answer for the page, the history, `sparktune show` and notebooks."""

from __future__ import annotations

from enum import StrEnum

from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study

# A driver at work writes at least every 30 s; after three missed signs of life it is taken for lost.
SILENT_S = 90.0

# Airflow's states of a task instance in which no driver of it can be at work any more.
_TASK_ENDED = frozenset({"success", "failed", "up_for_retry", "upstream_failed", "skipped", "removed"})


class Phase(StrEnum):
    """Where a study stands."""

    WAITING = "waiting"  # there is a folder, but no driver has opened the study
    STARTING = "starting"  # a driver has opened it, but has not handed out a trial
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"  # its driver went away without writing how it ended

    @property
    def over(self) -> bool:
        """Return whether no driver is at work, so that nothing changes until another attempt begins."""
        return self not in (Phase.WAITING, Phase.STARTING, Phase.RUNNING)


def phase_of(study: Study, *, now: float, task_state: str | None = None) -> Phase:
    """Return where `study` stands at `now`, in seconds since 1970 by a clock like the driver's.

    `task_state` is Airflow's state of the task instance, where it is known: a study without an end whose
    task has ended has lost its driver, however short ago it was heard.
    """
    if study.closed is not None:
        if study.closed.reason is StopReason.KILLED:
            return Phase.KILLED
        failed = study.closed.reason is StopReason.ERROR or study.closed.error is not None
        return Phase.FAILED if failed else Phase.DONE
    if not study.attempts:
        return Phase.WAITING
    attempt = study.attempts[-1]
    if now - attempt.last > SILENT_S or task_state in _TASK_ENDED:
        return Phase.LOST
    handed_out = any(trial.attempt >= attempt.number for trial in study.trials.values())
    return Phase.RUNNING if handed_out else Phase.STARTING


def stage_of(study: Study) -> str:
    """Return how far the start of the newest attempt has come, in words.

    >>> stage_of(Study())
    'Spark is starting'
    """
    if not study.attempts:
        return "Spark is starting"
    if study.attempts[-1].spark is None:
        return "the driver is up"
    return "Spark is up; workers are starting and importing the objective"
