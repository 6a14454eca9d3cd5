"""A multivariate TPE, for suggestions that are independent of the Gaussian process.

Like Optuna's multivariate TPE (Falkner et al., BOHB, 2018; Watanabe, Tree-structured Parzen estimator, 2023):
a mixture with a component for each good trial, over all parameters that are active together.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace

_CANDIDATES = 128
_MOST_GOOD = 25
_LEAST_BANDWIDTH = 0.03
# The weight of the component that covers the whole range evenly.
_PRIOR_WEIGHT = 1.0


def tpe_candidates(space: EncodedSpace, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return candidates (128, parameters) and the log density ratio of good to other rows for each."""
    rows, losses, count = history.rows, history.filled, len(history.rows)
    wanted = math.ceil(0.15 * count) if rng.random() < 0.5 else math.ceil(math.sqrt(count))
    wanted = min(wanted, _MOST_GOOD, count - 1)
    order = np.argsort(losses, kind="stable")
    gaps = losses[order[wanted]] - losses[order[:wanted]]
    # Losses far below the boundary weigh more.
    weights = 0.5 + 0.5 * gaps / gaps.mean() if gaps.mean() > 0 else np.ones(wanted)
    good, bad = rows[order[:wanted]], np.concatenate([rows[order[wanted:]], history.pending])
    found = space.draw(rng, _CANDIDATES)
    good_active, bad_active = space.active(good), space.active(bad)
    pairs = []
    # Parents come before their children, so a group's columns follow the choices that activate it.
    for columns in space.groups.values():
        has = good_active[:, columns[0]]
        below = _Mixture(space, columns, good[has], weights[has])
        lacks = bad_active[:, columns[0]]
        above = _Mixture(space, columns, bad[lacks], np.ones(int(lacks.sum())))
        found[:, columns] = below.sample(_CANDIDATES, rng)
        pairs.append((columns, below, above))
    found = space.settle(found)
    active = space.active(found)
    scores = np.zeros(_CANDIDATES)
    for columns, below, above in pairs:
        ratio = below.log_density(found) - above.log_density(found)
        scores += np.where(active[:, columns[0]], ratio, 0.0)
    return found, scores


class _Mixture:
    """A density over some columns: one component per row, and one for the prior."""

    def __init__(self, space: EncodedSpace, columns: Array, rows: Array, weights: Array) -> None:
        self._columns = columns
        self._centres = rows
        total = np.append(weights, _PRIOR_WEIGHT)
        self._weights = total / total.sum()
        self._deviations = {
            column: _bandwidths(space, column, rows) for column in columns if space.numeric[column]
        }
        self._priors = {
            column: np.array(space.prior(column)) for column in columns if not space.numeric[column]
        }

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Return `count` samples of the mixture's columns."""
        chosen = rng.choice(len(self._weights), size=count, p=self._weights)
        from_prior = chosen == len(self._centres)
        chosen = np.where(from_prior, 0, chosen)
        found = np.empty((count, len(self._columns)))
        for at, column in enumerate(self._columns):
            if column in self._priors:
                prior = self._priors[column]
                drawn = rng.choice(len(prior), size=count, p=prior / prior.sum()).astype(float)
                alone = from_prior | (rng.random(count) < self._even_share(len(prior)))
                own = self._centres[chosen, column] if len(self._centres) else drawn
                found[:, at] = np.where(alone, drawn, own)
                continue
            uniform = rng.random(count)
            if not len(self._centres):
                found[:, at] = uniform
                continue
            centre, deviation = self._centres[chosen, column], self._deviations[column][chosen]
            low, high = ndtr(-centre / deviation), ndtr((1 - centre) / deviation)
            near = centre + deviation * ndtri(low + uniform * (high - low))
            found[:, at] = np.where(from_prior, uniform, np.clip(near, 0.0, 1.0))
        return found

    def log_density(self, rows: Array) -> Array:
        """Return the log density at full rows."""
        logs = np.zeros((len(rows), len(self._weights)))
        for column in self._columns:
            values = rows[:, column][:, None]
            centres = self._centres[:, column]
            if column in self._priors:
                prior = self._priors[column]
                # The caller masks rows in which the column is inactive.
                own_prior = prior[np.clip(values[:, 0].astype(int), 0, len(prior) - 1)][:, None]
                even = self._even_share(len(prior))
                logs[:, :-1] += np.log(
                    np.maximum(even * own_prior + (1 - even) * (values == centres), 1e-300)
                )
                logs[:, -1] += np.log(np.maximum(own_prior[:, 0], 1e-300))
            else:
                deviation = self._deviations[column]
                mass = ndtr((1 - centres) / deviation) - ndtr(-centres / deviation)
                logs[:, :-1] -= 0.5 * ((values - centres) / deviation) ** 2
                logs[:, :-1] -= np.log(deviation * mass) + 0.5 * math.log(2 * math.pi)
        found: Array = logsumexp(logs + np.log(self._weights), axis=1)
        return found

    def _even_share(self, options: int) -> float:
        """Return the share of a categorical component that is spread over all options."""
        return min(0.5, 1 / (1 + len(self._weights) / options))


def _bandwidths(space: EncodedSpace, column: int, rows: Array) -> Array:
    """Return the standard deviation of each component: the larger gap to a neighbour, within limits."""
    centres = rows[:, column]
    order = np.argsort(centres, kind="stable")
    edges = np.concatenate([[0.0], centres[order], [1.0]])
    gaps = np.diff(edges)
    found = np.empty(len(centres))
    found[order] = np.maximum(gaps[:-1], gaps[1:])
    axis = space.parameters[column].axis
    half = axis.spacing(centres) / 2 if axis is not None else 0.0
    least: Array = np.maximum(_LEAST_BANDWIDTH, half)
    return np.clip(found, least, 1.0)
