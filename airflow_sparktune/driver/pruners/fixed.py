"""Stop at one early step: the baseline that a cleverer pruner has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves


@dataclass(frozen=True, slots=True)
class FixedPruner:
    """Stops a trial at its report number `reports`, unless it is among the `best` few of all trials there."""

    reports: int = 1
    best: int = 3

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        if curves.reports(number) != self.reports:
            return False
        there = curves.at(step)
        return sum(loss < there[number] for loss in there.values()) >= self.best
