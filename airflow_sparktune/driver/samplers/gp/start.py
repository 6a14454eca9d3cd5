"""The first configurations, before there are losses to learn from: far apart, many near the centre."""

from __future__ import annotations

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

_CANDIDATES = 32
# The box extends at least so many steps of an integer to either side of the centre.
_LEAST_STEPS = 2.01


def wanted(space: EncodedSpace) -> int:
    """Return the number of losses needed before the model is used.

    About one per active parameter, at least 6 and at most 12.
    """
    return int(np.clip(1 + round(space.mean_active), 6, 12))


def spread(space: EncodedSpace, rows: Array, rng: np.random.Generator) -> Array:
    """Return the draw farthest from all `rows`, in a box of random size around the centre of the space.

    Without the box, it would be near a corner, where several parameters are extreme at once, which is rarely
    good. The farthest draw is Mitchell's best candidate: unlike a low-discrepancy sequence, it needs no
    state, and takes given and earlier points into account.
    """
    drawn = space.draw(rng, _CANDIDATES)
    for size in (rng.uniform(), 1.0):
        half = np.minimum(np.maximum(size / 2, _LEAST_STEPS * space.spacing(np.full(space.size, 0.5))), 0.5)
        inside = space.settle(np.where(space.numeric, 0.5 + (2 * drawn - 1) * half, drawn))
        apart = distances(space, inside, rows)
        if apart.max() > 0:
            break
    return np.asarray(inside[np.argmax(apart)])


def distances(space: EncodedSpace, candidates: Array, rows: Array) -> Array:
    """Return the squared distance of each candidate to the nearest of `rows`; infinite without rows."""
    if not len(rows):
        return np.full(len(candidates), np.inf)
    gaps = space.features(candidates)[:, None] - space.features(rows)[None]
    return np.asarray((gaps**2).sum(axis=2).min(axis=1))
