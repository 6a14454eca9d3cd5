"""Compare a trial with all that came as far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves

# A trial among this many of the best is never stopped, and so many trials must have finished before.
BEST = 4
# Before this part of the longest finished trial, losses decide nothing.
WARM_UP = 0.25


@dataclass(frozen=True, slots=True)
class QuantilePruner:
    """Stops a trial that, at its step, is behind more than `share` of all trials that came as far.

    It goes on if a finished trial that was no better there ended in the better half: then losses at this step
    say too little.
    """

    share: float

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        if step <= WARM_UP * curves.last_step:
            return False
        there = curves.at(step)
        mine = there[number]
        better = sum(loss < mine for loss in there.values())
        if better < BEST or better <= self.share * len(there):
            return False
        return not _caught_up(mine, curves.finished_at(step), curves)


def _caught_up(mine: float, there: Mapping[int, float], curves: Curves) -> bool:
    """Return whether a finished trial that was no better ended in the better half; True if few finished."""
    ends = {number: curves.lowest(number) for number in there}
    if len(ends) < BEST:
        return True
    middle = sorted(ends.values())[(len(ends) - 1) // 2]
    return any(there[number] >= mine and end <= middle for number, end in ends.items())
