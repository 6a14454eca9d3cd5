"""Turn losses and limited metrics into targets for a Gaussian process, and back into differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array

# Losses are cut off at this many units below the boundary: further below, the exponentials of the expected
# improvement would overflow.
_FARTHEST = 100.0


@dataclass(frozen=True, slots=True)
class LossScale:
    """Targets with mean 0 and deviation 1; losses worse than the best fifth are compressed by a logarithm.

    The process should resolve good configurations; differences between bad losses would dominate the fit.
    `boundary` is the loss at which the compression starts, and `unit` its distance to the lowest one. `mean`
    and `deviation` are those of the compressed losses.
    """

    boundary: float
    unit: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, losses: Array) -> LossScale:
        """Return the scale for `losses` (n,).

        >>> LossScale.of(np.arange(10.0)).targets(np.array([0.0, 4.0, 9.0])).round(2).tolist()
        [-1.71, -0.03, 1.33]
        """
        ordered = np.sort(losses)
        lowest, highest = float(ordered[0]), float(ordered[-1])
        if lowest == highest:
            return cls(lowest)
        boundary = float(ordered[min(len(ordered) - 1, max(4, math.ceil(0.2 * len(ordered))))])
        if boundary == lowest:
            boundary = float(ordered[ordered > lowest][0])
        unit = boundary - lowest
        compressed = cls(boundary, unit).targets(losses)
        return cls(boundary, unit, float(compressed.mean()), float(compressed.std()))

    def targets(self, losses: Array) -> Array:
        """Return the targets of losses, which need not be those of the scale."""
        with np.errstate(over="ignore"):
            found = np.clip((losses - self.boundary) / self.unit, -_FARTHEST, 1e300)
        found = np.where(found > 0, np.log1p(np.maximum(found, 0)), found)
        return np.asarray((found - self.mean) / self.deviation)

    def losses(self, targets: Array) -> Array:
        """Return the losses that have these targets.

        >>> scale = LossScale.of(np.arange(10.0))
        >>> scale.losses(scale.targets(np.array([0.0, 4.0, 9.0]))).round(9).tolist()
        [0.0, 4.0, 9.0]
        """
        found = targets * self.deviation + self.mean
        found = np.where(found > 0, np.expm1(np.maximum(found, 0)), found)
        return np.asarray(self.boundary + self.unit * found)

    @property
    def log_unit(self) -> float:
        """Return the logarithm of the difference in loss between good targets that differ by 1."""
        return math.log(self.unit) + math.log(self.deviation)


@dataclass(frozen=True, slots=True)
class LimitScale:
    """Targets of excesses with mean 0 and deviation 1; large ones on both sides are compressed.

    The process should resolve the bound, where the excess is 0. `unit` is the median size of an excess.
    """

    unit: float
    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, excesses: Array) -> LimitScale:
        """Return the scale for excesses, which differ."""
        sizes = np.abs(excesses)
        compressed = cls(float(np.median(sizes[sizes > 0]))).targets(excesses)
        return cls(float(np.median(sizes[sizes > 0])), float(compressed.mean()), float(compressed.std()))

    def targets(self, excesses: Array) -> Array:
        """Return the targets of excesses."""
        found = np.sign(excesses) * np.log1p(np.abs(excesses) / self.unit)
        return np.asarray((found - self.mean) / self.deviation)

    @property
    def bound(self) -> float:
        """Return the target of the bound."""
        return -self.mean / self.deviation

    @property
    def log_unit(self) -> float:
        """Return the logarithm of the difference in excess between targets at the bound that differ by 1."""
        return math.log(self.unit) + math.log(self.deviation)
