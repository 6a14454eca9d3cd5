"""Compute the log-likelihoods of hyperopt's mixtures faster, with bit-identical results.

The formulas and the order of summation are those of `hyperopt.tpe.GMM1_lpdf` and `LGMM1_lpdf`. With a step
`q`, hyperopt loops over the components in Python; without one, it allocates an array for each operation.
Here one array holds all components and is modified in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hyperopt import tpe

Array = np.ndarray[Any, Any]


def gmm1_lpdf(
    samples: Array,
    weights: Array,
    mus: Array,
    sigmas: Array,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
) -> Array:
    """Return log-likelihoods under normal distributions truncated at `low` and `high`, in steps of `q`."""
    samples = np.asarray(samples)
    if not samples.size:
        return np.asarray([])
    points = samples.flatten()
    accepted = _accepted(weights, mus, sigmas, low, high)
    if q is None:
        terms = _exponents(points, mus, sigmas)
        terms += np.log(weights / np.sqrt(2 * np.pi * sigmas**2) / accepted)
        found = _log_of_sums(terms)
    else:
        above = points + q / 2 if high is None else np.minimum(points + q / 2, high)
        below = points - q / 2 if low is None else np.maximum(points - q / 2, low)
        found = np.log(_mass(tpe.normal_cdf, below, above, weights, mus, sigmas)) - np.log(accepted)
    return found.reshape(samples.shape)


def lgmm1_lpdf(
    samples: Array,
    weights: Array,
    mus: Array,
    sigmas: Array,
    low: float | None = None,
    high: float | None = None,
    q: float | None = None,
) -> Array:
    """Return the log-likelihoods under log-normal distributions; `low` and `high` are logs, `q` is not."""
    samples = np.asarray(samples)
    if not samples.size:
        return np.asarray([])
    points = samples.flatten()
    if q is None:  # hyperopt does not truncate here
        terms = _exponents(np.log(points), mus, sigmas)
        scales = np.maximum(sigmas, tpe.EPS) * points[:, None]
        scales *= np.sqrt(2 * np.pi)
        terms -= np.log(scales, out=scales)
        terms += np.log(weights)
        found = _log_of_sums(terms)
    else:
        above = points + q / 2 if high is None else np.minimum(points + q / 2, np.exp(high))
        below = points - q / 2 if low is None else np.maximum(points - q / 2, np.exp(low))
        mass = _mass(tpe.lognormal_cdf, np.maximum(0, below), above, weights, mus, sigmas)
        found = np.log(mass) - np.log(_accepted(weights, mus, sigmas, low, high))
    return found.reshape(samples.shape)


def _accepted(weights: Array, mus: Array, sigmas: Array, low: float | None, high: float | None) -> Any:
    """Return the probability mass of the mixture between the bounds."""
    if low is None and high is None:
        return 1
    return np.sum(weights * (tpe.normal_cdf(high, mus, sigmas) - tpe.normal_cdf(low, mus, sigmas)))


def _exponents(points: Array, mus: Array, sigmas: Array) -> Array:
    """Return the exponents of the normal densities, points by components."""
    terms = points[:, None] - mus
    terms /= np.maximum(sigmas, tpe.EPS)
    np.square(terms, out=terms)
    terms *= -0.5
    return terms


def _log_of_sums(terms: Array) -> Array:
    """Return `tpe.logsum_rows(terms)`; overwrites `terms`."""
    highest = terms.max(axis=1)
    terms -= highest[:, None]
    logs: Array = np.log(np.exp(terms, out=terms).sum(axis=1)) + highest
    return logs


def _mass(
    cdf: Callable[..., Array], below: Array, above: Array, weights: Array, mus: Array, sigmas: Array
) -> Array:
    """Return the mass of the mixture between `below` and `above`, for each point."""
    # Observations on a grid repeat: in the order of mu, equal components are adjacent.
    first = np.ones(len(mus), bool)
    first[1:] = (mus[1:] != mus[:-1]) | (sigmas[1:] != sigmas[:-1])
    group = np.cumsum(first) - 1
    mu, sigma, weight = mus[first, None], sigmas[first, None], weights[:, None]
    mass = cdf(above, mu, sigma)[group]
    mass *= weight
    lower = cdf(below, mu, sigma)[group]
    lower *= weight
    mass -= lower
    # Added one by one as hyperopt's loop does; np.sum would add in pairs and round differently.
    total: Array = np.add.accumulate(mass, axis=0, out=mass)[-1]
    return total
