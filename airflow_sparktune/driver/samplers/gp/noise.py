"""Measure the noise of an objective by configurations that ran more than once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.scale import LossScale

# Noise below this share of the unit of good losses does not affect which of them is lowest.
_SMALL = 0.02
# Distances of two losses are cut off at this many times their median. Of normal noise, 1 % are larger.
_FARTHEST = 4.0


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard `deviation` of the losses of one configuration, estimated with `degrees` of freedom."""

    deviation: float = 0.0
    degrees: int = 0

    @classmethod
    def of(cls, groups: Iterable[Array]) -> Noise:
        """Return the noise in groups of losses, each of one configuration.

        The variance is half the mean square of the distances of two losses in a group. Large distances are
        cut off, so that one outlier among several repeats does not count as noise.

        >>> Noise.of([np.array([1.0, 3.0]), np.array([5.0]), np.array([2.0, 4.0])])
        Noise(deviation=1.4142135623730951, degrees=2)
        >>> Noise.of([np.array([2.0, 2.0, 2.0, 2.0, 1e9])])
        Noise(deviation=0.0, degrees=4)
        """
        found: list[float] = []
        degrees = 0
        for losses in groups:
            first, second = np.triu_indices(len(losses), 1)
            found += np.abs(losses[first] - losses[second]).tolist()
            degrees += len(losses) - 1
        if not degrees:
            return cls()
        distances = np.minimum(found, _FARTHEST * np.median(found))
        # Unlike a sum of squares, hypot neither overflows nor underflows.
        return cls(math.hypot(*distances) / math.sqrt(2 * len(distances)), degrees)

    @property
    def absent(self) -> bool:
        """Return whether repeats gave equal losses."""
        return self.degrees > 0 and self.deviation == 0.0

    def matters(self, scale: LossScale) -> bool:
        """Return whether the noise can change which of the good losses is lowest."""
        return self.deviation > _SMALL * scale.unit

    def log_variance(self, scale: LossScale) -> float:
        """Return the logarithm of the variance of good targets."""
        return 2.0 * (math.log(self.deviation) - scale.log_unit) if self.deviation else -math.inf
