"""Compare a trial with those that ran to their end."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves

# A trial among this many of the best is never stopped, and so many trials must have finished before.
BEST = 4


@dataclass(frozen=True, slots=True)
class QuantilePruner:
    """Stops a trial that, at its step, is behind more than `share` of the trials that ran to their end.

    The first report of a trial decides nothing.
    """

    share: float

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        if curves.reports(number) == 1:
            return False
        finished = curves.finished_at(step)
        mine = curves.at(step)[number]
        better = sum(loss < mine for loss in finished.values())
        return better >= BEST and better > self.share * len(finished)
