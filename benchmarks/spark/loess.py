"""LOESS: a smooth trend through points, by locally weighted straight lines (Cleveland 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def loess(x: ArrayLike, y: ArrayLike, at: ArrayLike, *, span: float = 0.75) -> NDArray[np.float64]:
    """Return the trend of y over x at `at`; `span` is the share of the points used for each.

    >>> [float(round(value, 6)) for value in loess([0, 1, 2, 3], [1, 3, 5, 7], [0.5, 2.5])]
    [2.0, 6.0]
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    near = max(2, int(np.ceil(span * len(x))))
    return np.array([_line(x, y, place, near) for place in np.asarray(at, float)])


def _line(x: NDArray[np.float64], y: NDArray[np.float64], place: float, near: int) -> float:
    distance = np.abs(x - place)
    # A little wider than the farthest neighbour, so that it counts too.
    reach = max(np.sort(distance)[near - 1] * 1.001, 1e-12)
    weight = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
    root = np.sqrt(weight)
    design = np.column_stack([np.ones_like(x), x - place])
    (height, _), *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
    return float(height)
