"""Model the limited metrics: how likely is it that a configuration is within the guardrails?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.fits import Fits
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.model import Posterior
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

_MOST = 500


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


class Excesses(History):
    """A history with the excesses over one bound in place of the losses."""

    @cached_property
    def scale(self) -> LimitScale:  # type: ignore[override]
        return LimitScale.of(self.losses)

    def first(self, count: int) -> Excesses:
        return Excesses(self.rows[:count], self.losses[:count], self.pending[:0])


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound of a metric: the posterior of its target, and the target that must not be exceeded."""

    posterior: Posterior
    bound: float


class Limits:
    """Models every bound of a space. Its caches save time and do not affect suggestions."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._fits: dict[int, Fits] = {}

    def of(self, history: History, rng: np.random.Generator, *, jitter: float) -> list[Limit]:
        """Return the limits that the history can model, with perturbed settings."""
        found = []
        for at in range(history.excesses.shape[1]):
            excesses = history.excesses[:, at]
            known = np.isfinite(excesses)
            own = Excesses(history.rows[known], excesses[known], history.pending)
            if own.fittable:
                fits = self._fits.setdefault(at, Fits(self._space))
                settings = fits.latest(own).jittered(rng, size=jitter)
                kept = own.chosen(_MOST, rng)
                targets = own.scale.targets(own.losses)[kept]
                found.append(
                    Limit(
                        Posterior(self._space, settings, own.rows[kept], targets, own.pending),
                        own.scale.bound,
                    )
                )
        return found
