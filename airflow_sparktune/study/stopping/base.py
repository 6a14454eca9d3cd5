"""The contract of a stopping rule, and the reasons by which a study ends."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

from airflow_sparktune.study.trial import Trial

if TYPE_CHECKING:
    from airflow_sparktune.study.spec import Spec


class StopReason(StrEnum):
    """Why a study was closed."""

    MAX_EVALS = "max_evals"
    TIMEOUT = "timeout"
    LOSS_THRESHOLD = "loss_threshold"
    NO_PROGRESS = "no_progress"
    MAX_FAILURES = "max_failures"
    BUDGET = "budget_slot_hours"
    EARLY_STOP = "early_stop"
    STOPPED = "stopped"
    ERROR = "error"
    KILLED = "killed"


class Rule:
    """Ends a study: owns its reason, its words, and the fields of the spec that it depends on.

    A subclass keeps its own count of the trials that it is told of. Times are seconds of the study's
    running time, over all attempts.
    """

    reason: ClassVar[StopReason]
    fields: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, spec: Spec) -> Self | None:  # noqa: ARG003 - for subclasses
        """Return the rule that a spec asks for; None where it asks for none."""
        return None

    @classmethod
    def label(cls, spec: Spec) -> str:
        """Return what log, shell and page say of a study that ended by this rule."""
        values = ", ".join(f"{getattr(spec, name)}" for name in cls.fields)
        return f"reached {cls.reason.value} ({values})"

    @classmethod
    def still_ends(cls, old: Spec, new: Spec, *, counted: int) -> bool:  # noqa: ARG003 - for subclasses
        """Return whether a study of `counted` trials that ended by this rule under `old` ends under `new`."""
        return all(getattr(old, name) == getattr(new, name) for name in cls.fields)

    @property
    def wanted(self) -> float:
        """Return how many trials have to end yet, the running ones included."""
        return math.inf

    @property
    def deadline_s(self) -> float:
        """The running time at which the study ends."""
        return math.inf

    def shortened(self, share: float) -> Rule:  # noqa: ARG002 - for rules over time
        """Return this rule for a search that leaves the rest of its time to a confirmation."""
        return self

    def spend(self, spent_s: float, *, ran_s: float, slots: int) -> None:
        """Take in that slots have cost `spent_s` slot-seconds in `ran_s` seconds, and how many there are."""

    def tell(self, trial: Trial) -> None:
        """Take in a trial that has ended and counts."""

    def replayed(self) -> None:
        """Earlier attempts have been taken in; what follows is of this attempt."""

    def reached(self, *, ran_s: float) -> bool:
        """Return whether the study ends now, after `ran_s` seconds."""
        raise NotImplementedError
