"""A configuration with the results of its repeats, which are all the data that a decision uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from airflow_sparktune.study.metric import LARGEST_LOSS
from airflow_sparktune.study.retuning.decision import Measured
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState

# Numbers are equal if they differ by no more than this share of their size: the rest is rounding.
ROUNDING = 1e-12


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

    @classmethod
    def of(cls, study: Study, number: int, *, same_data: bool) -> Contender:
        """Return a trial of the search with its repeats so far, which may run on the `same_data`."""
        trial = study.trials.get(number)
        repeats = {
            each.repeat: Repeat(each.loss, each.info)
            for each in study.trials.values()
            if each.repeats == number
            and each.repeat is not None
            and each.state in (TrialState.OK, TrialState.FAILED)
        }
        loss = trial.loss if trial and same_data else None
        return cls(number, trial.params if trial else None, loss, repeats)

    @property
    def losses(self) -> dict[int, float]:
        """Return the losses of the successful repeats, by number."""
        return {number: loss for number, item in sorted(self.repeats.items()) for loss in _usable(item.loss)}

    @property
    def failures(self) -> int:
        """Return the number of failed repeats."""
        return len(self.repeats) - len(self.losses)

    @property
    def all_losses(self) -> list[float]:
        """Return all known losses of the configuration on the confirmation's data."""
        return [*_usable(self.search_loss), *self.losses.values()]

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
            std_error=spread(losses) / math.sqrt(len(losses)) if len(losses) > 1 else None,
            **facts,
        )


def spread(values: Sequence[float], *, size: float | None = None) -> float:
    """Return the standard deviation of values, 0.0 if they are equal up to rounding.

    `size` is the largest of the numbers that the values are differences of, by default the largest value.

    >>> spread([0.1 + 0.2, 0.3]), spread([0.2 - 0.1, 0.3 - 0.2, 0.4 - 0.3], size=0.4)
    (0.0, 0.0)
    """
    if len(values) < 2:
        return 0.0
    mean = fmean(values)
    # hypot is fast, and does not overflow.
    found = math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)
    return found if found > ROUNDING * (max(map(abs, values)) if size is None else size) else 0.0


def residual_sd(contenders: Sequence[Contender]) -> float:
    """Return the standard deviation of losses around their configuration's mean, pooled over all of them.

    >>> residual_sd([Contender(0, {}, 1.0, {1: Repeat(1.0)}), Contender(1, {}, 2.0, {1: Repeat(2.0)})])
    0.0
    """
    squares, freedom = 0.0, 0
    for losses in (item.all_losses for item in contenders):
        if len(losses) > 1:
            squares += spread(losses) ** 2 * (len(losses) - 1)
            freedom += len(losses) - 1
    return math.sqrt(squares / freedom) if freedom else 0.0


def _usable(loss: float | None) -> tuple[float, ...]:
    """Return the loss, or nothing. The driver accepts none beyond the limit, but a journal may hold one."""
    return (loss,) if loss is not None and abs(loss) <= LARGEST_LOSS else ()
