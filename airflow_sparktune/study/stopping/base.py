"""The base class of stopping rules, and the reasons for which a study ends."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import ClassVar, Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.trial import Trial


class StopReason(StrEnum):
    """The reason for which a study was closed."""

    MAX_EVALS = "max_evals"
    TIMEOUT = "timeout"
    LOSS_THRESHOLD = "loss_threshold"
    NO_PROGRESS = "no_progress"
    CONVERGED = "converged"
    MAX_FAILURES = "max_failures"
    BUDGET = "budget_slot_hours"
    EARLY_STOP = "early_stop"
    STOPPED = "stopped"
    ERROR = "error"
    KILLED = "killed"


class Rule:
    """Ends a study. Owns its reason, its label, and the fields of the spec that it depends on.

    A subclass counts the trials passed to `tell`. Times are seconds of the study's running time, over all
    attempts.
    """

    reason: ClassVar[StopReason]
    fields: ClassVar[tuple[str, ...]] = ()
    # The guardrails of the study: the loss of a trial beyond them is no result.
    guards = Guards(DecisionRule())

    @classmethod
    def of(cls, spec: Spec) -> Self | None:  # noqa: ARG003 - for subclasses
        """Return the rule that a spec asks for, or None."""
        return None

    @classmethod
    def label(cls, spec: Spec) -> str:
        """Return the description of this reason for the log, the shell and the page."""
        values = ", ".join(number(spec.value(name)) for name in cls.fields)
        return f"reached {cls.reason.value} ({values})"

    @classmethod
    def still_ends(cls, old: Spec, new: Spec, *, counted: int) -> bool:  # noqa: ARG003 - for subclasses
        """Return whether a study of `counted` trials that this rule ended under `old` ends under `new`."""
        return all(old.value(name) == new.value(name) for name in cls.fields)

    @property
    def wanted(self) -> float:
        """Return the number of trials that still have to end, including running ones."""
        return math.inf

    @property
    def deadline_s(self) -> float:
        """Return the running time at which the study ends, in seconds."""
        return math.inf

    def share_left(self, *, ran_s: float) -> float:  # noqa: ARG002 - for rules over time, cost or trials
        """Return the share of the time, budget or trials that is left after `ran_s` seconds, from 1 to 0."""
        return 1.0

    def shortened(self, share: float) -> Rule:  # noqa: ARG002 - for rules over time
        """Return this rule for a search that may use only `share` of the time or budget."""
        return self

    def spend(self, spent_s: float, *, ran_s: float, slots: int) -> None:
        """Record the slot-seconds charged after `ran_s` seconds, and the number of slots charged now."""

    def tell(self, trial: Trial) -> None:
        """Record a trial that has ended and counts towards `max_evals`."""

    def replayed(self) -> None:
        """Mark the end of the replay: trials recorded from now on belong to this attempt."""

    def reached(self, *, ran_s: float) -> bool:
        """Return whether the study ends now, after `ran_s` seconds."""
        raise NotImplementedError
