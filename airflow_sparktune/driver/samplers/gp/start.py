"""The first configurations, before there are losses to learn from."""

from __future__ import annotations

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import Condition, EncodedSpace

_DRAWS, _MORE_DRAWS = 32, 256
# A box extends at least two steps of a grid to either side, so that a small one still holds several integers.
# The hundredth is for rounding.
_LEAST_STEPS = 2.01
# Equal configurations may differ by rounding.
_SAME = 1e-18


def wanted(space: EncodedSpace) -> int:
    """Return the number of losses needed before the model is used.

    About one per active parameter, at least 6 and at most 12.
    """
    return int(np.clip(1 + round(space.mean_active), 6, 12))


def spread(space: EncodedSpace, rows: Array, rng: np.random.Generator, condition: Condition = ()) -> Array:
    """Return a configuration far from all `rows`, in a box of random size around the centre of the space.

    It is the farthest of several draws (Mitchell's best candidate). Unlike a low-discrepancy sequence, this
    needs no state, and takes given and earlier points into account. In the whole space, the farthest draw
    would be near a corner, where several parameters are extreme at once, which is rarely good. If all draws
    in the box have been tried, others come from the whole space. A `condition` limits it
    to a branch.
    """
    found, gap = _farthest(space, space.draw(rng, _DRAWS), rows, condition, size=rng.uniform())
    if gap <= _SAME:
        found, _ = _farthest(space, space.draw(rng, _MORE_DRAWS), rows, condition, size=1.0)
    return found


def _farthest(
    space: EncodedSpace, drawn: Array, rows: Array, condition: Condition, *, size: float
) -> tuple[Array, float]:
    """Move draws into a box of this size; return the farthest from `rows`, and its squared distance."""
    least = np.minimum(_LEAST_STEPS * space.spacing(np.full(space.size, 0.5)), 0.5)
    half = np.maximum(size / 2, least)
    found = space.settle(np.where(space.numeric, 0.5 + (2 * drawn - 1) * half, drawn), condition)
    if not len(rows):
        return found[0], np.inf
    gaps = space.features(found)[:, None] - space.features(rows)[None]
    nearest = (gaps**2).sum(axis=2).min(axis=1)
    return found[np.argmax(nearest)], float(nearest.max())
