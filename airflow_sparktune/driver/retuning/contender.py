"""A configuration with the results of its repeats, which are all the data that a decision uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from airflow_sparktune.study.retuning.decision import Measured


@dataclass(frozen=True, slots=True)
class Repeat:
    """One more run of a configuration: its loss (None if it failed), and the other metrics it returned."""

    loss: float | None
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """A configuration under confirmation; `repeats` holds the ended ones, numbered from 1.

    `search_loss` is its loss in the search, or None if the repeats run on other data, so that the losses are
    not comparable.
    """

    number: int
    params: Any
    search_loss: float | None = None
    repeats: Mapping[int, Repeat] = field(default_factory=dict)

    @property
    def losses(self) -> dict[int, float]:
        """Return the losses of the successful repeats, by number."""
        return {number: item.loss for number, item in sorted(self.repeats.items()) if item.loss is not None}

    @property
    def failures(self) -> int:
        """Return the number of failed repeats."""
        return sum(item.loss is None for item in self.repeats.values())

    @property
    def all_losses(self) -> list[float]:
        """Return all known losses of the configuration on the confirmation's data."""
        return [*([] if self.search_loss is None else [self.search_loss]), *self.losses.values()]

    def lacks(self, repeats: int) -> list[int]:
        """Return which of the repeats 1 to `repeats` have not ended."""
        return [number for number in range(1, repeats + 1) if number not in self.repeats]

    def measured(self, **facts: Any) -> Measured:
        """Return the measurements of the configuration for the decision."""
        losses = list(self.losses.values())
        return Measured(
            number=self.number,
            params=self.params,
            n=len(losses),
            mean=fmean(losses) if losses else None,
            std_error=stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else None,
            **facts,
        )


def residual_sd(contenders: Sequence[Contender]) -> float:
    """Return the standard deviation of losses around their configuration's mean, pooled over all of them.

    >>> residual_sd([Contender(0, {}, 1.0, {1: Repeat(1.0)}), Contender(1, {}, 2.0, {1: Repeat(2.0)})])
    0.0
    """
    squares, freedom = 0.0, 0
    for losses in (item.all_losses for item in contenders):
        if len(losses) > 1:
            # stdev is exact: it is 0.0 for equal losses, without rounding error.
            squares += stdev(losses) ** 2 * (len(losses) - 1)
            freedom += len(losses) - 1
    return math.sqrt(squares / freedom) if freedom else 0.0


def deterministic(contenders: Sequence[Contender], *, repeats: int) -> bool:
    """Return whether every configuration had the same loss in all runs, i.e. whether there is no noise.

    Two repeats that equal the search loss are enough. If the search ran on other data, all `repeats` must
    agree, because a few might be equal by chance.
    """
    for item in contenders:
        least = repeats if item.search_loss is None else 2
        if len(item.losses) < least or len(set(item.all_losses)) > 1:
            return False
    return True
