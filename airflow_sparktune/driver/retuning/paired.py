"""Paired differences between the incumbent and a candidate: confidence bounds, and whether there is noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import fmean

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition.confirm import LEAST_REPEATS
from airflow_sparktune.study.definition.rule import DecisionRule, Margin
from airflow_sparktune.study.record.contender import ROUNDING, Contender, spread

# A candidate is dropped if even its one-sided 90 % upper bound is below 0.
RACING_ERROR = 0.1


@dataclass(frozen=True)
class Paired:
    """d_j = incumbent's loss - candidate's loss - margin, over the repeats j that both have.

    `gains` are the differences without the margin. Both are 0.0 where only rounding is left; `size` is the
    largest loss in size. `stand_in_sd` replaces a standard deviation of 0, which can occur by chance if
    there are few differences of discrete losses.
    """

    gains: tuple[float, ...]
    differences: tuple[float, ...]
    size: float = 0.0
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
        pairs = [(theirs[at], ours[at]) for at in theirs if at in ours and at <= upto]
        return cls(
            tuple(_less(their, our, 0.0) for their, our in pairs),
            tuple(_less(their, our, margin.of(their)) for their, our in pairs),
            max((abs(loss) for pair in pairs for loss in pair), default=0.0),
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
    def mean(self) -> float:
        """Return by how much it is lower, minus the margin."""
        return fmean(self.differences)

    @property
    def std_error(self) -> float:
        """Return the standard error of the mean difference."""
        return self._sd / math.sqrt(self.n)

    def lower(self, error: float) -> float:
        """Return the lower bound of the mean of d, by Student's t, too high with probability `error`."""
        return self.mean - self._reach(error)

    def upper(self, error: float) -> float:
        """Return the upper bound of the mean of d, too low with probability `error`."""
        return self.mean + self._reach(error)

    @property
    def _sd(self) -> float:
        return spread(self.differences, size=self.size) or self.stand_in_sd

    def _reach(self, error: float) -> float:
        return quantile(error, self.n - 1) * self.std_error if self._sd else 0.0


def _less(their: float, our: float, margin: float) -> float:
    """Return their loss minus ours minus the margin, 0.0 if only rounding is left."""
    found = their - our - margin
    return found if abs(found) > ROUNDING * max(abs(their), abs(our)) else 0.0


@cache
def quantile(error: float, freedom: int) -> float:
    """Return the value that Student's t distribution exceeds with probability `error`.

    >>> round(quantile(0.05, 4), 4)
    2.1318
    """
    from scipy.special import stdtrit  # imported here: it takes half a second, and only a decision needs it

    return -float(stdtrit(freedom, error))


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
        if pairs.n >= LEAST_REPEATS and pairs.upper(RACING_ERROR) < 0:
            return upto
    return None


def noise_free(incumbent: Contender | None, candidates: Sequence[Contender], *, repeats: int) -> bool:
    """Return whether all `repeats` show that there is no noise, up to rounding.

    That is so if every configuration had the same loss in all its runs, or if each candidate differed from
    the incumbent by the same amount in all repeats. `candidates` have no failed repeat; those that were
    dropped early count with the repeats that they have.
    """
    everyone = candidates if incumbent is None else [incumbent, *candidates]
    if not everyone or len(everyone[0].losses) < repeats:
        return False
    if not any(spread(item.all_losses) for item in everyone):
        return True
    return incumbent is not None and bool(candidates) and _keep_their_distance(incumbent, candidates)


def _keep_their_distance(incumbent: Contender, candidates: Sequence[Contender]) -> bool:
    losses = sorted(incumbent.losses.values())
    # Losses that recur come in steps, and equal differences of a few steps may be chance.
    if any(more - less <= ROUNDING * max(abs(less), abs(more)) for less, more in pairwise(losses)):
        return False
    pairs = [Paired.of(incumbent, item, Margin(0.0), upto=max(incumbent.losses)) for item in candidates]
    return not any(spread(each.gains, size=each.size) for each in pairs)


def refuse_mixed_signs(rule: DecisionRule, contenders: Sequence[Contender]) -> None:
    """Raise SpecError for a relative margin if losses have both signs: a share of them is undefined."""
    name = rule.metric.name
    values = [rule.metric.shown(loss) for item in contenders for loss in item.all_losses]
    if rule.margin.relative and values and min(values) < 0 < max(values):
        raise SpecError(
            f"retuning.margin must be a number in units of the {name} if its values have both signs, got "
            f"{rule.margin.to_json()!r} with values from {min(values):.6g} to {max(values):.6g}"
        )
