"""The Gaussian process: a coarse and a fine Matern 5/2 kernel, with a length scale per parameter, by MAP.

Formulas: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), chapters 2, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs
from scipy.optimize import minimize

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

_JITTER = 1e-8
# The kernel adds a share of itself with shorter length scales, so that ruggedness is not taken for noise.
_FINE_SHARE, _FINENESS = 0.2, 4
_BLOCK = 96
# Priors: means and standard deviations of the logarithms. The mean weight falls with the number of
# parameters, so that distances keep their scale (Hvarfner et al., Vanilla BO performs great in high
# dimensions, 2024).
_WEIGHT_MEAN, _WEIGHT_SD = 2.0, 2.0
_SIGNAL_SD = 1.0
_NOISE_MEAN, _NOISE_SD = float(np.log(1e-3)), 2.0
_WEIGHT_BOUND, _SIGNAL_BOUND = 9.0, 4.0
_NOISE_BOUNDS = (float(np.log(1e-6)), 0.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """The logarithms of the kernel's parameters: a weight for each parameter, the signal, the noise."""

    weights: Array
    signal: float = 0.0
    noise: float = _NOISE_MEAN

    @classmethod
    def typical(cls, space: EncodedSpace) -> Settings:
        """Return the prior means."""
        return cls(np.full(space.size, _weight_mean(space)))

    def jittered(self, rng: np.random.Generator, *, size: float) -> Settings:
        """Return these settings with weights that vary at random."""
        together, alone = rng.standard_normal(), rng.standard_normal(len(self.weights))
        weights = self.weights + size * (together + 0.5 * alone)
        return Settings(weights, self.signal, self.noise)


def fit(
    space: EncodedSpace,
    rows: Array,
    targets: Array,
    *,
    start: Settings,
    iterations: int,
    least_noise: float = -np.inf,
) -> Settings:
    """Return the MAP settings for `rows` (n, parameters) and their `targets` (n,).

    `least_noise` is a lower bound of the logarithm of the noise.
    """
    features = space.features(rows)
    mean = _weight_mean(space)

    def lost(theta: Array) -> tuple[float, Array]:
        settings = Settings(theta[:-2], float(theta[-2]), float(theta[-1]))
        value, slope = _misfit(space, features, targets, settings)
        off = (settings.weights - mean) / _WEIGHT_SD
        off_noise = (settings.noise - _NOISE_MEAN) / _NOISE_SD
        off_signal = settings.signal / _SIGNAL_SD
        value += 0.5 * float(off @ off + off_signal**2 + off_noise**2)
        slope += np.concatenate([off / _WEIGHT_SD, [off_signal / _SIGNAL_SD, off_noise / _NOISE_SD]])
        return value, slope

    bounds = [(-_WEIGHT_BOUND, _WEIGHT_BOUND)] * space.size
    lowest, highest = _NOISE_BOUNDS
    lowest = min(max(lowest, least_noise), highest)
    bounds += [(-_SIGNAL_BOUND, _SIGNAL_BOUND), (lowest, highest)]
    theta = np.concatenate([start.weights, [start.signal, max(start.noise, lowest)]])
    options = {"maxiter": iterations}
    best = minimize(lost, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return Settings(best[:-2], float(best[-2]), float(best[-1]))


def _misfit(space: EncodedSpace, features: Array, targets: Array, settings: Settings) -> tuple[float, Array]:
    """Return the negative log likelihood and its gradient with respect to the settings."""
    signal, noise = np.exp(settings.signal), np.exp(settings.noise)
    scaled = features * np.exp(0.5 * settings.weights)[space.owner]
    kernel, slope = _correlations(_squared_distances(scaled, scaled), slope=True)
    kernel *= signal
    covariance = kernel.copy()
    lower = _cholesky(covariance, noise)
    solved = dpotrs(lower, targets, lower=1)[0]
    inverse = dpotri(lower, lower=1)[0]
    value = 0.5 * targets @ solved + np.log(np.diagonal(lower)).sum()
    # dpotri fills only the lower triangle.
    inner = np.tril(inverse) + np.tril(inverse, -1).T - np.outer(solved, solved)
    pull = inner * slope * signal
    by_feature = pull.sum(axis=1) @ scaled**2 - np.einsum("if,if->f", scaled, pull @ scaled)
    by_weight = np.bincount(space.owner, by_feature, minlength=space.size)
    return float(value), np.concatenate(
        [by_weight, [0.5 * np.vdot(inner, kernel), 0.5 * noise * np.trace(inner)]]
    )


class Posterior:
    """The posterior of the process at any row, given the targets of `rows`; without observation noise.

    `pending` rows count as observed at the posterior mean ("kriging believer", Ginsbourger et al. 2010),
    which keeps the mean and removes the uncertainty around them. `means` are those at `rows`, `ranked`
    has the rows by their means, lowest first, and `best` is the lowest mean at rows and pending rows.

    `broken` tells by how much each row breaks the guardrails, if any does: such rows are ranked last, and
    `best` is the lowest mean of the others, None if there are none.
    """

    def __init__(
        self,
        space: EncodedSpace,
        settings: Settings,
        rows: Array,
        targets: Array,
        pending: Array,
        broken: Array | None = None,
    ) -> None:
        self.space = space
        self.signal = float(np.exp(settings.signal))
        self._noise = float(np.exp(settings.noise))
        self.weights = np.exp(settings.weights)
        self._scale = np.sqrt(self.weights)[space.owner]
        self._known = space.features(np.concatenate([rows, pending])) * self._scale
        covariance = np.empty((len(self._known), len(self._known)))
        for block in _blocks(len(covariance)):
            squared = _squared_distances(self._known[block], self._known)
            np.multiply(self.signal, _correlations(squared)[0], out=covariance[block])
        count = len(rows)
        self._variance = float(targets.var())
        self._lower = _cholesky(covariance, self._noise)
        self._solved = np.zeros(len(self._known))
        # The leading block of a Cholesky factor is the factor of the leading block.
        self._solved[:count] = dpotrs(np.asfortranarray(self._lower[:count, :count]), targets, lower=1)[0]
        # K alpha = targets - noise alpha, so the posterior means at the rows need no further product.
        self.means = targets - (self._noise + _JITTER) * self._solved[:count]
        self.best: float | None
        if broken is not None and broken.any():
            self.ranked = rows[np.lexsort((self.means, broken))]
            holds = self.means[broken == 0]
            self.best = float(holds.min()) if len(holds) else None
            return
        self.ranked = rows[np.argsort(self.means, kind="stable")]
        # A suggestion has to improve on running trials too, at their expected losses.
        expected = covariance[count:, :count] @ self._solved[:count]
        self.best = float(min(self.means.min(), expected.min(initial=np.inf)))

    @property
    def predicted_share(self) -> float:
        """Return the share of the targets' variance that is predicted, each from all others."""
        inverse = dpotri(self._lower, lower=1)[0]
        misses = self._solved / np.diagonal(inverse)
        return 1.0 - float(misses @ misses / len(misses) / self._variance)

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return the means and standard deviations at rows."""
        scaled = self.space.features(rows) * self._scale
        means, variances = np.empty(len(rows)), np.empty(len(rows))
        for block in _blocks(len(rows)):
            # Candidates are rows, so that the transpose is in the column order that LAPACK expects.
            cross = self.signal * _correlations(_squared_distances(scaled[block], self._known))[0]
            means[block] = cross @ self._solved
            explained = dtrtrs(self._lower, cross.T, lower=1, overwrite_b=1)[0].T
            variances[block] = self.signal - np.einsum("ij,ij->i", explained, explained)
        return means, np.sqrt(np.maximum(variances, 1e-10))

    def slopes(self, row: Array, columns: Array) -> tuple[float, float, Array, Array]:
        """Return mean and standard deviation at one row, and their gradients along numeric `columns`."""
        scaled = self.space.features(row[None])[0] * self._scale
        gaps = scaled - self._known
        cross, slope = _correlations(np.einsum("if,if->i", gaps, gaps)[:, None], slope=True)
        cross, slope = self.signal * cross[:, 0], self.signal * slope[:, 0]
        explained = dtrtrs(self._lower, cross, lower=1)[0]
        deviation = float(np.sqrt(max(self.signal - explained @ explained, 1e-10)))
        back = dtrtrs(self._lower, explained, lower=1, trans=1)[0]
        features = np.searchsorted(self.space.owner[: self.space.numeric.sum()], columns)
        along = 2 * slope[:, None] * gaps[:, features] * self._scale[features]
        return float(self._solved @ cross), deviation, self._solved @ along, -(back @ along) / deviation


def _weight_mean(space: EncodedSpace) -> float:
    return _WEIGHT_MEAN - float(np.log(space.mean_active))


def _blocks(count: int) -> Iterator[slice]:
    """Yield slices of rows that are small enough for their results to stay in the processor's cache."""
    return (slice(begin, begin + _BLOCK) for begin in range(0, count, _BLOCK))


def _squared_distances(ours: Array, theirs: Array) -> Array:
    squares = np.einsum("if,if->i", ours, ours)[:, None] + np.einsum("if,if->i", theirs, theirs)
    squares -= 2.0 * (ours @ theirs.T)
    return np.asarray(np.maximum(squares, 0.0, out=squares))


def _correlations(squared: Array, *, slope: bool = False) -> tuple[Array, Any]:
    """Return the correlations at squared distances, and their derivatives if `slope`."""
    distances = np.sqrt(5.0 * squared)
    decays = np.exp(-distances)
    correlations, derivatives = _matern(distances, decays, slope=slope)
    correlations *= 1.0 - _FINE_SHARE
    distances *= _FINENESS
    np.square(np.square(decays, out=decays), out=decays)  # to the power of _FINENESS
    fine, fine_derivatives = _matern(distances, decays, slope=slope)
    correlations += np.multiply(_FINE_SHARE, fine, out=fine)
    if slope:
        derivatives = (1.0 - _FINE_SHARE) * derivatives + _FINE_SHARE * _FINENESS**2 * fine_derivatives
    return correlations, derivatives


def _matern(distances: Array, decays: Array, *, slope: bool) -> tuple[Array, Any]:
    """Return the Matern 5/2 correlations at distances d, given exp(-d), and their derivatives if `slope`."""
    derivatives = (-5.0 / 6.0) * (1.0 + distances) * decays if slope else None
    # (1 + d + d^2 / 3) exp(-d) in place, because these arrays are the largest.
    correlations = distances / 3.0
    correlations += 1.0
    correlations *= distances
    correlations += 1.0
    correlations *= decays
    return correlations, derivatives


def _cholesky(covariance: Array, noise: float) -> Array:
    """Return the lower Cholesky factor of the covariance plus noise, with more noise if needed."""
    extra = noise + _JITTER
    while True:
        np.fill_diagonal(covariance, np.diagonal(covariance) + extra)
        lower, failed = dpotrf(covariance, lower=1, clean=1)
        if not failed:
            return np.asfortranarray(lower)
        extra = max(extra, 1e-6) * 10
