"""The limits of a study and of its trials, besides `max_evals` and `timeout`."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group


@dataclass(frozen=True, kw_only=True)
class Limits(Group):
    """Limits that end a study early, and limits of a trial.

    >>> Limits.parse("limits", {"no_progress": "20"}).no_progress
    20
    """

    trial_timeout: float | None = declared(
        checks.seconds,
        takes="seconds",
        doc="A trial fails when it has run for this time; a timedelta or seconds.",
        default=None,
        example="60",
    )
    loss_threshold: float | None = declared(
        checks.finite,
        takes="number",
        doc="The study stops when a trial's loss is at most this value; with `maximize`, when its score is "
        "at least this value.",
        default=None,
        example="0.05",
        bounds=True,
    )
    no_progress: int | None = declared(
        checks.whole(1, "it is a number of trials; leave it unset to continue without progress"),
        takes="count",
        doc="The study stops after this many trials without an improvement of `min_improvement`.",
        default=None,
        example="20",
        bounds=True,
    )
    min_improvement: float = declared(
        checks.bounded("be at least 0", lambda found: found >= 0, "it is a difference of losses"),
        takes="number",
        doc="How much better a loss or score must be to count as progress for `no_progress`.",
        default=0.0,
        example="0.001",
    )
    stop_when_converged: bool = declared(
        checks.flag,
        takes="flag",
        doc="The study stops when the model of `gp` or `auto` expects no more improvement that matters: "
        "more than the noise of a loss (in a retuning three times that) or the margin of a retuning, or else "
        "1 % of the gain so far.",
        default=False,
    )
    cost_aware: bool = declared(
        checks.flag,
        takes="flag",
        doc="`gp` and `auto` prefer configurations that are cheap for what they promise, less and less as "
        "the time, the budget or the trials of the study run out.",
        default=False,
    )
    max_failures: int | float | None = declared(
        checks.failures,
        takes="count or share",
        doc="The study stops when more trials than this have failed: a count, or a share of `max_evals` "
        "below 1.0.",
        default=None,
        example="0.25",
    )
    max_trial_retries: int = declared(
        checks.whole(0, "it is how often a trial that lost its worker runs again"),
        takes="count",
        doc="How often a trial that lost its worker runs again before it counts as failed.",
        default=2,
    )
    budget_slot_hours: float | None = declared(
        checks.bounded("be above 0", lambda found: found > 0, "leave it unset to have no limit"),
        takes="hours",
        doc="The study stops when the slots that it has reserved have cost this much, idle ones included.",
        default=None,
        example="4",
        bounds=True,
        script=True,
    )
