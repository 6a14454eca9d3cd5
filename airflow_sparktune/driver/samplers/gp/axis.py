"""Map a numeric parameter to the unit interval and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

Array = np.ndarray[Any, Any]

# A normal has no bounds: its interval leaves out a thousandth of the draws at each end (three standard
# deviations), because suggestions lie at the ends of an interval more often than draws do.
_TAIL = 1e-3


@dataclass(frozen=True, slots=True)
class Axis:
    """A numeric parameter, mapped to [0, 1] so that its prior is uniform there.

    `low` and `high` are the bounds of the values, or mu and sigma if `normal`; with `log`, they are those of
    the logarithm. Values are multiples of `step`, if set.

    >>> Axis(low=0.0, high=10.0, step=2.0).decode(np.array([0.0, 0.34, 1.0])).tolist()
    [0.0, 4.0, 10.0]
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    normal: bool = False

    def encode(self, values: Array) -> Array:
        """Return positions in [0, 1]; values outside the bounds are clipped."""
        if self.log:
            # A value may be 0 after rounding to a step.
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
        """Return the positions of the nearest multiples of the step."""
        return self.encode(self.decode(positions)) if self.step else positions

    def spacing(self, positions: Array) -> Array:
        """Return the distance to the next multiple of the step, 0 without a step."""
        if self.step is None:
            return np.zeros(np.shape(positions))
        values = self.decode(positions)
        here = self.encode(values)
        above, below = self.encode(values + self.step) - here, here - self.encode(values - self.step)
        return np.asarray(np.maximum(above, below))


def grid_bounds(low: float, high: float, step: float) -> tuple[float, float]:
    """Return the smallest and largest multiples of `step` that numbers from `low` to `high` round to."""
    return float(np.round(low / step) * step), float(np.round(high / step) * step)
