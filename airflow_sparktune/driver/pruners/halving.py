"""The stopping rule of asynchronous successive halving (ASHA)."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves


@dataclass(frozen=True, slots=True)
class HalvingPruner:
    """Stops a trial at its report `first`, `eta` times as many, `eta`² times as many, and so on.

    It goes on if it is there among the best 1/`eta` of all that came as far, or among the best `least`.
    """

    eta: int = 2
    first: int = 4
    least: int = 4

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        if not self._is_rung(curves.reports(number)):
            return False
        there = curves.at(step)
        better = sum(loss < there[number] for loss in there.values())
        return better >= max(len(there) // self.eta, self.least)

    def _is_rung(self, reports: int) -> bool:
        while reports > self.first and reports % self.eta == 0:
            reports //= self.eta
        return reports == self.first
