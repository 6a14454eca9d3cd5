"""The acquisition function: the logarithm of the expected improvement.

The logarithm keeps a gradient where the improvement itself underflows (Ament et al., Unexpected improvements
to expected improvement, 2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, ndtr

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.fits import LOG_ROOT_TAU, Limit
from airflow_sparktune.driver.samplers.gp.model import Posterior
from airflow_sparktune.driver.samplers.gp.run_time import Price

_ITERATIONS = 15
# Where z is below the negative of this, its limits are more precise than the formulas.
_FAR = 1000.0


def log_expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """Return log E max(best - f, 0) for f normal with these means and standard deviations."""
    return np.asarray(_log_h((best - means) / deviations) + np.log(deviations))


def _log_h(z: Array) -> Array:
    """Return log(phi(z) + z Phi(z)), stable for all z.

    >>> [round(float(value), 6) for value in _log_h(np.array([0.0, -1.0, -50.0, -2000.0]))]
    [-0.918939, -2.485121, -1258.744183, -2000016.120743]
    """
    near = np.maximum(z, -1.0)
    found = np.log(np.exp(-0.5 * near**2 - LOG_ROOT_TAU) + near * ndtr(near))
    if (z < -1.0).any():
        far = np.maximum(-z, 1.0)
        mills = math.sqrt(0.5 * math.pi) * erfcx(far / math.sqrt(2.0))
        rest = np.log1p(-np.minimum(far * mills, 1.0 - 1e-15))
        tail = np.where(far < _FAR, rest, -2.0 * np.log(far))
        found = np.where(z < -1.0, -0.5 * far**2 - LOG_ROOT_TAU + tail, found)
    return np.asarray(found)


def _ratios(z: float, log_h: float) -> tuple[float, float]:
    """Return Phi(z) / h(z) and phi(z) / h(z)."""
    if z < -_FAR:  # h approaches phi / z^2, and Phi approaches phi / -z
        return -z, z * z
    return math.exp(float(log_ndtr(z)) - log_h), math.exp(-0.5 * z * z - LOG_ROOT_TAU - log_h)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The log expected improvement over `best`, weighed by the probability that the `limits` hold.

    As in Gardner et al., Bayesian optimization with inequality constraints, 2014. `best` is None until a
    configuration holds the limits: then only their probability counts. The score is this less the `price`.
    """

    posterior: Posterior
    best: float | None
    limits: Sequence[Limit] = ()
    price: Price | None = None

    def rated(self, rows: Array) -> Array:
        """Return what each row promises, and its score, which is that less its price, as an array (2, n)."""
        found = np.zeros(len(rows))
        if self.best is not None:
            found = log_expected_improvement(*self.posterior.predict(rows), self.best)
        for limit in self.limits:
            found = found + limit.scores(rows)
        prices = np.zeros(len(rows)) if self.price is None else self.price.of(rows)
        return np.stack([found, found - prices])

    def slope(self, row: Array, columns: Array) -> tuple[float, Array]:
        """Return the score of a row, and its gradient along numeric `columns`."""
        value, slope = 0.0, np.zeros(len(columns))
        if self.best is not None:
            mean, deviation, mean_slope, deviation_slope = self.posterior.slopes(row, columns)
            z = (self.best - mean) / deviation
            log_h = float(_log_h(np.array([z]))[0])
            by_mean, by_deviation = _ratios(z, log_h)
            value = log_h + math.log(deviation)
            slope = (by_deviation * deviation_slope - by_mean * mean_slope) / deviation
        for limit in self.limits:
            share, share_slope = limit.slope(row, columns)
            value, slope = value + share, slope + share_slope
        if self.price is not None:
            price, price_slope = self.price.slope(row, columns)
            value, slope = value - price, slope - price_slope
        return value, slope


def polish(acquisition: Acquisition, row: Array, columns: Array, low: Array, high: Array) -> Array:
    """Return the row with the continuous `columns` moved to a local maximum between `low` and `high`."""
    if not len(columns):
        return row

    def lost(position: Array) -> tuple[float, Array]:
        moved = row.copy()
        moved[columns] = position
        value, slope = acquisition.slope(moved, columns)
        return -value, -slope

    bounds = list(zip(low[columns], high[columns], strict=True))
    options = {"maxiter": _ITERATIONS}
    found = minimize(lost, row[columns], jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    polished = row.copy()
    polished[columns] = np.clip(found.x, low[columns], high[columns])
    return polished
