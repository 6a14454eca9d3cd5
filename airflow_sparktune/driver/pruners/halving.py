"""Compare a trial with all that came as far."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves


@dataclass(frozen=True, slots=True)
class HalvingPruner:
    """The stopping rule of asynchronous successive halving (ASHA).

    A trial goes on beyond its 1st, `eta`-th, `eta`²-th report, and so on, only if it is there among the best
    1/`eta` of all trials that came as far.
    """

    eta: int = 3

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        if not self._is_rung(curves.reports(number)):
            return False
        there = curves.at(step)
        better = sum(loss < there[number] for loss in there.values())
        return better >= max(len(there) // self.eta, 1)

    def _is_rung(self, reports: int) -> bool:
        while reports % self.eta == 0:
            reports //= self.eta
        return reports == 1
