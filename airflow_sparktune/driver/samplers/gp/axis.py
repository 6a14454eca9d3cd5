"""One numeric parameter on the unit interval, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

Array = np.ndarray[Any, Any]

# Normals have no bounds. Their interval ends where a thousandth of their draws lies beyond (at three standard
# deviations), for its ends are tried more often than they are drawn.
_TAIL = 1e-3


@dataclass(frozen=True, slots=True)
class Axis:
    """A numeric parameter: its values map to [0, 1] so that its prior is uniform there.

    `low` and `high` bound the values, or are mu and sigma where it is `normal`; with `log` they are those of
    the logarithm. Values are multiples of `step`, if there is one.

    >>> Axis(low=0.0, high=10.0, step=2.0).decode(np.array([0.0, 0.34, 1.0])).tolist()
    [0.0, 4.0, 10.0]
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    normal: bool = False

    def encode(self, values: Array) -> Array:
        """Positions in [0, 1]; values beyond the bounds are at the ends."""
        if self.log:
            # Rounding to a step may have made it 0.
            values = np.log(np.maximum(values, self.step / 4 if self.step else np.finfo(float).tiny))
        if self.normal:
            quantiles = ndtr((values - self.low) / self.high)
            return np.asarray(np.clip((quantiles - _TAIL) / (1 - 2 * _TAIL), 0.0, 1.0))
        width = self.high - self.low
        return np.clip((values - self.low) / width, 0.0, 1.0) if width > 0 else np.full(np.shape(values), 0.5)

    def decode(self, positions: Array) -> Array:
        """Return the values at positions in [0, 1], rounded to the step."""
        if self.normal:
            values = self.low + self.high * ndtri(_TAIL + positions * (1 - 2 * _TAIL))
        else:
            values = np.minimum(self.low + positions * (self.high - self.low), self.high)
        if self.log:
            values = np.exp(values)
        return np.asarray(np.round(values / self.step) * self.step if self.step else values)

    def snap(self, positions: Array) -> Array:
        """Return the nearest positions that values of the step have."""
        return self.encode(self.decode(positions)) if self.step else positions

    def spacing(self, positions: Array) -> Array:
        """Return the distance to the next value of the step; 0 where there is none."""
        if self.step is None:
            return np.zeros(np.shape(positions))
        values = self.decode(positions)
        here = self.encode(values)
        above, below = self.encode(values + self.step) - here, here - self.encode(values - self.step)
        return np.asarray(np.maximum(above, below))


def grid_bounds(low: float, high: float, step: float) -> tuple[float, float]:
    """Return the first and last multiple of `step` that numbers from `low` to `high` round to."""
    return float(np.round(low / step) * step), float(np.round(high / step) * step)
