"""Fit the process at fixed numbers of results, so that a resumed study has the same fits."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.history import Excesses, History
from airflow_sparktune.driver.samplers.gp.model import Posterior, Settings, fit
from airflow_sparktune.driver.samplers.gp.noise import Noise
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

LOG_ROOT_TAU = 0.5 * math.log(2 * math.pi)
# The largest number of results in a fit. Fits of a branch use fewer, because each suggestion makes one.
_MOST, _MOST_IN_BRANCH = 200, 64
_FIRST_ITERATIONS, _ITERATIONS = 30, 12
# The largest number of results in the process of a limited metric.
_MOST_IN_LIMIT = 500
# A history needs two: its latest fit, and the one from which that starts. Two histories may take turns.
_KEPT = 4


class Fits:
    """Caches the fits of one space, each to at most `most` results. Each fit depends only on its results."""

    def __init__(self, space: EncodedSpace, *, most: int = _MOST) -> None:
        self._space = space
        self._most = most
        # The last one used is last.
        self._cache: OrderedDict[tuple[bytes, bytes], Settings] = OrderedDict()

    def latest(self, history: History) -> Settings:
        """Return the fit for the number of results in the history.

        It starts from the fit for the largest power of two below, which starts from the prior means. So it
        depends on the history alone, and not on earlier requests.
        """
        count = last_fit(len(history.losses))
        base = _power_of_two(count)
        start = self._from_cache(history.first(base), Settings.typical(self._space), _FIRST_ITERATIONS)
        return start if count == base else self._from_cache(history.first(count), start, _ITERATIONS)

    def of_branch(self, history: History, noise: Noise, rng: np.random.Generator) -> Settings:
        """Return a fit to the results in one branch, for one suggestion."""
        kept = history.chosen(_MOST_IN_BRANCH, rng)
        return self._fit(history, kept, noise, Settings.typical(self._space), _FIRST_ITERATIONS)

    def _from_cache(self, history: History, start: Settings, iterations: int) -> Settings:
        if not history.fittable:
            return start
        key = history.losses.tobytes(), history.rows.tobytes()
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        kept = history.chosen(self._most, np.random.default_rng(len(history.losses)))
        found = self._cache[key] = self._fit(history, kept, history.noise, start, iterations)
        if len(self._cache) > _KEPT:
            self._cache.popitem(last=False)
        return found

    def _fit(self, history: History, kept: Array, noise: Noise, start: Settings, iterations: int) -> Settings:
        """Return the fit to the results with the indices `kept`."""
        rows, scale = history.rows[kept], history.scale
        targets, least = scale.targets(history.filled)[kept], noise.log_variance(scale)
        return fit(self._space, rows, targets, start=start, iterations=iterations, least_noise=least)


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound of a metric: the posterior of its target, and the target that must not be exceeded.

    `noise` is the variance of a trial's target around the process, 0 if the bound is on what is expected.
    """

    posterior: Posterior
    bound: float
    noise: float = 0.0

    def scores(self, rows: Array) -> Array:
        """Return the log probability of each row that the bound holds."""
        return self.log_chances(*self.posterior.predict(rows))

    def log_chances(self, means: Array, deviations: Array) -> Array:
        """Return the log probability that the bound holds, given the moments of the process."""
        return np.asarray(log_ndtr((self.bound - means) / np.sqrt(deviations**2 + self.noise)))

    def slope(self, row: Array, columns: Array) -> tuple[float, Array]:
        """Return the score of a row, and its gradient along numeric `columns`."""
        mean, deviation, mean_slope, deviation_slope = self.posterior.slopes(row, columns)
        total = math.hypot(deviation, math.sqrt(self.noise))
        z = (self.bound - mean) / total
        score = float(log_ndtr(z))
        ratio = math.exp(min(-0.5 * z * z - LOG_ROOT_TAU - score, 700.0))
        return score, -ratio * (mean_slope + z * deviation_slope * deviation / total) / total


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
                kept = own.chosen(_MOST_IN_LIMIT, rng)
                targets = own.scale.targets(own.losses)[kept]
                found.append(
                    Limit(
                        Posterior(self._space, settings, own.rows[kept], targets, own.pending),
                        own.scale.bound,
                    )
                )
        return found


def last_fit(count: int) -> int:
    """Return the last number of results, up to `count`, at which the process is fitted.

    >>> [last_fit(count) for count in (7, 39, 66, 100, 103, 530)]
    [7, 39, 64, 100, 103, 512]
    """
    base = _power_of_two(count)
    every = max(1, base // 20)
    return base + (count - base) // every * every


def _power_of_two(count: int) -> int:
    """Return the largest power of two that is at most `count`."""
    return 1 << (count.bit_length() - 1)
