"""Compute how a study has used its slots; while its driver runs, up to now."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.study.definition import RunTrialsOn
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUse:
    """The running time of a study, and the time of the slots that it has reserved and used, in seconds.

    `used_s` is the part of `reserved_s` in which trials ran, with those that still run. It is None for trials
    on the driver, each of which may use the whole cluster. `working_s` and `working_slot_s` are the parts of
    `ran_s` and `reserved_s` after the first trial of each attempt has begun.
    """

    ran_s: float
    reserved_s: float
    used_s: float | None
    working_s: float
    working_slot_s: float


def slot_use(study: Study, *, now: float | None = None) -> SlotUse:
    """Return the use of the slots up to the last event, or up to `now` if the driver is known to run.

    A driver may write nothing for half a minute while its trials run. Since its last event it has reserved at
    least the slots that its trials may fill.
    """
    running = bool(study.attempts) and study.closed is None
    more_s = max(now - study.attempts[-1].last, 0.0) if now is not None and running else 0.0
    ran_s, reserved_s = study.elapsed_s + more_s, study.slots_s + study.open_slots * more_s
    prepared = [attempt.prepared for attempt in study.attempts if attempt.prepared is not None]
    return SlotUse(
        ran_s=ran_s,
        reserved_s=reserved_s,
        used_s=_used_s(study, more_s=more_s, reserved_s=reserved_s),
        working_s=ran_s - sum(before_s for before_s, _ in prepared),
        working_slot_s=reserved_s - sum(slot_s for _, slot_s in prepared),
    )


def _used_s(study: Study, *, more_s: float, reserved_s: float) -> float | None:
    if study.spec is not None and study.spec.execution.run_trials_on is RunTrialsOn.DRIVER:
        return None
    last = {attempt.number: attempt.last for attempt in study.attempts}
    if study.attempts:
        last[study.attempts[-1].number] += more_s
    running_s = sum(
        max(last[trial.attempt] - trial.start, 0.0)
        for trial in study.trials.values()
        if trial.state is TrialState.RUNNING and trial.start is not None and trial.attempt in last
    )
    # Some of these trials may have waited inside Spark.
    return min(study.trials_s + running_s, reserved_s)
