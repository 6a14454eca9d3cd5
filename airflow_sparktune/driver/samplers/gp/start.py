"""The first configurations, before there are losses to learn from: far apart from each other."""

from __future__ import annotations

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

_CANDIDATES = 32


def wanted(space: EncodedSpace) -> int:
    """Return the number of losses needed before the model is used.

    About one per active parameter, at least 6 and at most 12.
    """
    return int(np.clip(1 + round(space.mean_active), 6, 12))


def spread(space: EncodedSpace, rows: Array, rng: np.random.Generator) -> Array:
    """Return the draw from the prior that is farthest from all `rows` (Mitchell's best candidate).

    Unlike a low-discrepancy sequence, this needs no state, and takes given and earlier points into account.
    """
    drawn = space.settle(space.draw(rng, _CANDIDATES))
    return np.asarray(drawn[np.argmax(distances(space, drawn, rows))])


def distances(space: EncodedSpace, candidates: Array, rows: Array) -> Array:
    """Return the squared distance of each candidate to the nearest of `rows`; zeros without rows.

    The ends of an interval are neighbours, as on a ring. Otherwise the corners of the space, which are rarely
    good, would be farthest from everything.
    """
    if not len(rows):
        return np.zeros(len(candidates))
    gaps = np.abs(space.features(candidates)[:, None] - space.features(rows)[None])
    around = 1.0 + space.spacing(np.full(space.size, 0.5))[space.numeric]
    numbers = gaps[:, :, : len(around)]
    numbers[:] = 2.0 * np.minimum(numbers, around - numbers)
    return np.asarray((gaps**2).sum(axis=2).min(axis=1))
