"""Create candidates for the next trial: draws from the space, and variations of good configurations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import Condition, EncodedSpace

# An integer moves by at least this many of its steps: less would rarely change it.
_LEAST_STEPS = 0.7
# The probability that an inactive column is filled from a good row.
_COPIED = 0.6


@dataclass(frozen=True, slots=True)
class Region:
    """The range of candidates: numbers from `low` to `high` per column, choices as `condition` requires.

    `centre` is the row that candidates vary, None for the whole space.
    """

    low: Array
    high: Array
    centre: Array | None = None
    condition: Condition = ()

    @classmethod
    def whole(cls, space: EncodedSpace, condition: Condition = ()) -> Region:
        """Return the whole space, or the whole branch of a condition."""
        return cls(np.zeros(space.size), np.ones(space.size), condition=condition)

    @classmethod
    def around(cls, space: EncodedSpace, centre: Array, weights: Array, rng: np.random.Generator) -> Region:
        """Return a box of random size around `centre`, longer along parameters with less influence.

        As in TuRBO (Eriksson et al., Scalable global optimization via local Bayesian optimization, 2019).
        """
        scales = 1.0 / np.sqrt(weights[space.numeric])
        lengths = np.ones(space.size)
        if len(scales):
            lengths[space.numeric] = np.clip(scales / np.exp(np.log(scales).mean()), 0.2, 5.0)
        size = np.exp(rng.uniform(np.log(0.05), 0.0))
        half = np.maximum(size * lengths / 2, 1.01 * space.spacing(centre))
        return cls(np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0), centre)


class Candidates:
    """Creates rows for one suggestion. `donors` are good rows, from which inactive columns are filled."""

    def __init__(self, space: EncodedSpace, donors: Array, region: Region, rng: np.random.Generator) -> None:
        self._space = space
        self._donors = donors
        self._donors_active = space.active(donors)
        self._region = region
        self._rng = rng

    def spread(self, count: int) -> Array:
        """Return draws from the prior, or variations of the centre if the region has one."""
        space, rng, region = self._space, self._rng, self._region
        drawn = space.draw(rng, count)
        if region.centre is None:
            return space.settle(drawn, region.condition)
        rows = self._completed(np.repeat(region.centre[None], count, axis=0))
        inside = region.low + drawn * (region.high - region.low)
        moved = rng.random(rows.shape) < max(0.3, min(1.0, 10 / space.size))
        redrawn = rng.random(rows.shape) < min(0.5, 1 / space.size + 0.1)
        chosen = np.where(space.numeric, np.where(moved, inside, rows), np.where(redrawn, drawn, rows))
        return space.settle(chosen, region.condition)

    def children(self, parents: Array, each: int, *, smallest: float, largest: float) -> Array:
        """Return `each` variations of each parent: numbers move by a normal step, categories are redrawn."""
        space, rng, region = self._space, self._rng, self._region
        steps = np.stack([space.spacing(parent) for parent in parents]).repeat(each, axis=0)
        active = space.active(parents).repeat(each, axis=0)
        rows = self._completed(parents.repeat(each, axis=0))
        few = np.minimum(1.0, 2 / active.sum(axis=1))
        rate = np.where(rng.random(len(rows)) < 0.5, few, 0.8)[:, None]
        chance = np.where(active, rng.random(rows.shape), np.inf)
        # At least one active column of each row changes.
        mutated = (chance < rate) | (chance == chance.min(axis=1, keepdims=True))
        sigma = np.exp(rng.uniform(np.log(smallest), np.log(largest), len(rows)))[:, None]
        moved = rows + np.maximum(sigma, _LEAST_STEPS * steps) * rng.standard_normal(rows.shape)
        moved = _reflected(moved, region.low, region.high)
        chosen = np.where(mutated, np.where(space.numeric, moved, space.draw(rng, len(rows))), rows)
        if region.centre is not None:
            chosen = np.where(space.numeric, np.clip(chosen, region.low, region.high), chosen)
        return space.settle(chosen, region.condition)

    def _completed(self, rows: Array) -> Array:
        """Return rows with a value in every column: inactive ones get a donor's value or a prior draw."""
        space, rng = self._space, self._rng
        if not any(space.groups):
            return rows
        donor = rng.integers(len(self._donors), size=len(rows))
        copied = self._donors_active[donor] & (rng.random(rows.shape) < _COPIED)
        filling = np.where(copied, self._donors[donor], space.draw(rng, len(rows)))
        return np.where(space.active(rows), rows, filling)


def _reflected(positions: Array, low: Array, high: Array) -> Array:
    """Return positions reflected at the bounds.

    >>> _reflected(np.array([-0.2, 0.5, 1.3]), np.zeros(3), np.ones(3)).round(6).tolist()
    [0.2, 0.5, 0.7]
    """
    positions = low + np.abs(positions - low)
    positions = high - np.abs(high - positions)
    return np.clip(positions, low, high)
