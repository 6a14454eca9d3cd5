"""Paired differences between the incumbent and a candidate, with confidence bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean, stdev

from airflow_sparktune.driver.retuning.contender import Contender
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.retuning.rule import LEAST_REPEATS, DecisionRule, Margin

# A candidate is dropped if even its one-sided 90 % upper bound is below 0.
RACING_CONFIDENCE = 0.9


@dataclass(frozen=True)
class Paired:
    """d_j = incumbent's loss - candidate's loss - margin, over the repeats j that both have.

    `stand_in_sd` replaces a standard deviation of 0, which can occur by chance if there are few differences
    of discrete losses.
    """

    gains: tuple[float, ...]
    margins: tuple[float, ...]
    stand_in_sd: float = 0.0

    @classmethod
    def of(
        cls,
        incumbent: Contender,
        candidate: Contender,
        margin: Margin,
        *,
        upto: int,
        stand_in_sd: float = 0.0,
    ) -> Paired:
        """Return the pairs among the repeats 1 to `upto`."""
        theirs, ours = incumbent.losses, candidate.losses
        shared = [number for number in theirs if number in ours and number <= upto]
        return cls(
            tuple(theirs[number] - ours[number] for number in shared),
            tuple(margin.of(theirs[number]) for number in shared),
            stand_in_sd,
        )

    @property
    def n(self) -> int:
        return len(self.gains)

    @property
    def gain(self) -> float:
        """Return by how much the candidate's mean loss is lower, without the margin."""
        return fmean(self.gains)

    @property
    def std_error(self) -> float:
        """Return the standard error of the mean difference."""
        return self._sd / math.sqrt(self.n)

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower confidence bound of the mean of d, by Student's t."""
        return self._mean - self._reach(confidence)

    def upper(self, confidence: float) -> float:
        """Return the one-sided upper confidence bound of the mean of d."""
        return self._mean + self._reach(confidence)

    @cached_property
    def _differences(self) -> list[float]:
        return [gain - margin for gain, margin in zip(self.gains, self.margins, strict=True)]

    @property
    def _mean(self) -> float:
        return fmean(self._differences)

    @property
    def _sd(self) -> float:
        return (stdev(self._differences) if self.n > 1 else 0.0) or self.stand_in_sd

    def _reach(self, confidence: float) -> float:
        if self._sd == 0:
            return 0.0
        return quantile(confidence, self.n - 1) * self.std_error


@cache
def quantile(confidence: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution.

    >>> round(quantile(0.95, 4), 4)
    2.1318
    """
    from scipy.special import stdtrit  # imported here: it takes half a second, and only a decision needs it

    return float(stdtrit(freedom, confidence))


def dropped_after(incumbent: Contender, candidate: Contender, margin: Margin, *, repeats: int) -> int | None:
    """Return after how many repeats the candidate was so far behind that the rest are not run, or None.

    Only bad candidates are dropped early; one that is ahead runs all its repeats. The repeats are evaluated
    in order, so that the result does not depend on which of them ended first.
    """
    both = next(
        (
            number
            for number in range(1, repeats)
            if number not in incumbent.repeats or number not in candidate.repeats
        ),
        repeats,
    )
    for upto in range(LEAST_REPEATS, both):
        pairs = Paired.of(incumbent, candidate, margin, upto=upto)
        if pairs.n >= LEAST_REPEATS and pairs.upper(RACING_CONFIDENCE) < 0:
            return upto
    return None


def refuse_mixed_signs(rule: DecisionRule, contenders: Sequence[Contender]) -> None:
    """Raise SpecError for a relative margin if losses have both signs: a share of them is undefined."""
    name = rule.metric.name
    values = [rule.metric.shown(loss) for item in contenders for loss in item.all_losses]
    if rule.margin.relative and values and min(values) < 0 < max(values):
        raise SpecError(
            f"replace_margin must be a number in units of the {name} if its values have both signs, got "
            f"{rule.margin.to_json()!r} with values from {min(values):.6g} to {max(values):.6g}"
        )
