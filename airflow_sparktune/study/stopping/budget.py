"""The rule that limits the cost of a study."""

from __future__ import annotations

from typing import Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping.base import Rule, StopReason

HOUR_S = 3600.0


class SlotHours(Rule):
    """Ends a study at a number of slot-hours that it has been charged (see Study.slots_s)."""

    reason = StopReason.BUDGET
    fields = ("limits.budget_slot_hours",)

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._spent_s = self._at_s = 0.0
        self._slots = 0

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        hours = spec.limits.budget_slot_hours
        return None if hours is None else cls(hours * HOUR_S)

    @classmethod
    def label(cls, spec: Spec) -> str:
        return f"used the budget of {spec.limits.budget_slot_hours} slot-hours"

    def share_left(self, *, ran_s: float) -> float:
        spent_s = self._spent_s + max(ran_s - self._at_s, 0.0) * self._slots
        return max(1.0 - spent_s / self._budget_s, 0.0)

    def shortened(self, share: float) -> Rule:
        return SlotHours(self._budget_s * share)

    def spend(self, spent_s: float, *, ran_s: float, slots: int) -> None:
        self._spent_s, self._at_s, self._slots = spent_s, ran_s, slots

    @property
    def deadline_s(self) -> float:
        if not self._slots:
            return float("inf")
        return self._at_s + max(self._budget_s - self._spent_s, 0.0) / self._slots

    def reached(self, *, ran_s: float) -> bool:
        return ran_s >= self.deadline_s
