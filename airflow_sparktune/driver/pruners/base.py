"""The protocol of a pruner, and the curves from which it decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class Curves:
    """The reports of a study's trials, by step. A trial counts at a step with its lowest loss up to there.

    `finished` are the trials that ran to their end, and `last_step` is the last that any of them reported.
    """

    def __init__(self) -> None:
        self.finished: set[int] = set()
        self.last_step: float = math.inf
        self._at: dict[int, dict[int, float]] = {}
        self._losses: dict[int, dict[int, float]] = {}

    def at(self, step: int) -> Mapping[int, float]:
        """Return the lowest loss so far of each trial that reported at exactly this step, by its number."""
        return self._at.get(step, {})

    def finished_at(self, step: int) -> Mapping[int, float]:
        """Return the lowest losses so far at this step of the trials that ran to their end."""
        return {number: loss for number, loss in self.at(step).items() if number in self.finished}

    def reports(self, number: int) -> int:
        """Return how often a trial has reported."""
        return len(self.losses(number))

    def losses(self, number: int) -> dict[int, float]:
        """Return what a trial reported, by step, in order."""
        return self._losses.get(number, {})

    def lowest(self, number: int) -> float:
        """Return the lowest loss that a trial has reported."""
        return self._at[next(reversed(self._losses[number]))][number]

    def add(self, number: int, step: int, loss: float) -> None:
        """Add a report; a trial's steps grow."""
        losses = self._losses.setdefault(number, {})
        lowest = min(self.lowest(number), loss) if losses else loss
        losses[step] = loss
        self._at.setdefault(step, {})[number] = lowest

    def finish(self, number: int) -> None:
        """Count a trial among those that ran to their end."""
        self.finished.add(number)
        if (last := next(reversed(self.losses(number)), None)) is not None:
            self.last_step = last if self.last_step == math.inf else max(last, self.last_step)

    def drop(self, number: int) -> None:
        """Forget a trial that runs again from its start."""
        for step in self._losses.pop(number, {}):
            self._at[step].pop(number, None)
        self.finished.discard(number)


@runtime_checkable
class Pruner(Protocol):
    """Decides from the reports of trials which to stop early."""

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        """Return whether to stop trial `number`, which has just reported at `step`.

        The report is in `curves` already. It is called in the thread that answers all trials, so it must take
        less than a millisecond. It depends on nothing but its arguments. Trials of a confirmation, the
        incumbent and points that people gave are never asked about, nor is a trial that has come as far as
        any finished one, because nothing is left to save.
        """
