"""Make one suggestion of the Gaussian process from the results and the running trials."""

from __future__ import annotations

import logging

import numpy as np
from threadpoolctl import ThreadpoolController

from airflow_sparktune.driver.samplers.gp.acquisition import log_expected_improvement, polish
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.candidates import Candidates, Region
from airflow_sparktune.driver.samplers.gp.escape import tpe_candidates
from airflow_sparktune.driver.samplers.gp.fits import Fits, worth_a_fit
from airflow_sparktune.driver.samplers.gp.history import History, keys
from airflow_sparktune.driver.samplers.gp.model import Posterior
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Way
from airflow_sparktune.driver.samplers.gp.start import distances

log = logging.getLogger(__name__)

# The largest number of results that a suggestion is conditioned on.
_MOST = 500
_JITTER = 0.7
_REGION_SHARE, _FROM_BEST = 0.4, 0.8
_BRANCH_SHARE = 0.1
_SPREAD, _PARENTS, _CHILDREN = 200, 5, 32
_ROUNDS, _ROUND_PARENTS, _ROUND_CHILDREN, _ROUND_STEP = 4, 4, 24, 0.1
_ESCAPE_SHARE, _ESCAPE_AFTER, _ESCAPE_OVER = 0.15, 15, 30
_NEW_DRAWS = 64


class Proposer:
    """Suggests rows of a space. Its caches save time and do not affect suggestions."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._fits = Fits(space)
        self._said_exhausted = False
        self._threads = ThreadpoolController()

    def propose(self, history: History, rng: np.random.Generator) -> tuple[Array, str]:
        """Return the next row, and its method: `gp`, `gp: branch` or `gp: tpe`."""
        # For matrices this small, threads cost more in synchronisation than they gain, and they would take
        # cores from trials.
        with self._threads.limit(limits=1, user_api="blas"):
            if way := self._other_branch(history, rng):
                found, scores = self._in_branch(way, history, rng)
                how = "gp: branch"
            elif rng.random() < _escape_share(history):
                found, scores = tpe_candidates(self._space, history, rng)
                how = "gp: tpe"
            else:
                found, scores = self._anywhere(history, rng)
                how = "gp"
            return self._first_new(found[np.argsort(-scores, kind="stable")], history, rng), how

    def _anywhere(self, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return candidates from the whole space, and their scores."""
        # Different weights per suggestion, so that parallel ones differ and a bad fit misleads only some.
        settings = self._fits.latest(history).jittered(rng, size=_JITTER)
        kept = history.chosen(_MOST, rng)
        rows, targets = history.rows[kept], history.targets[kept]
        return self._promising(
            Posterior(self._space, settings, rows, targets, history.pending), rows, (), rng
        )

    def _other_branch(self, history: History, rng: np.random.Generator) -> Way:
        """Return a branch without the best result in a share of the calls, else an empty way."""
        space, best = self._space, history.rows[[np.nanargmin(history.losses)]]
        others = [way for way in space.branches if not space.leads(best, way)[0]]
        return others[rng.integers(len(others))] if others and rng.random() < _BRANCH_SHARE else ()

    def _in_branch(self, way: Way, history: History, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return candidates within a branch, modelled as a separate space, and their scores.

        Compared with a tuned branch, an untuned one would never promise an improvement.
        """
        space = self._space
        inside = history.where(space.leads(history.rows, way), space.leads(history.pending, way))
        if not worth_a_fit(inside):
            found = Candidates(space, history.rows, Region.whole(space, way), rng).spread(_NEW_DRAWS)
            return found, distances(space, found, np.concatenate([inside.rows, inside.pending]))
        settings = self._fits.of_branch(inside, rng).jittered(rng, size=_JITTER)
        kept = inside.chosen(_MOST, rng)
        rows, targets = inside.rows[kept], inside.targets[kept]
        return self._promising(Posterior(space, settings, rows, targets, inside.pending), rows, way, rng)

    def _promising(
        self, posterior: Posterior, rows: Array, way: Way, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Return candidates, and the log expected improvement over `rows` of each."""
        space, best = self._space, float(posterior.means.min())
        order = np.argsort(posterior.means, kind="stable")
        region = Region.whole(space, way)
        if not way and rng.random() < _REGION_SHARE:
            rank = 0 if rng.random() < _FROM_BEST else int(rng.integers(min(3, len(order))))
            region = Region.around(space, rows[order[rank]], posterior.weights, rng)
        make = Candidates(space, rows[order[: max(5, len(rows) // 5)]], region, rng)
        parents = rows[order[:_PARENTS]]
        children = make.children(parents, _CHILDREN, smallest=0.004, largest=0.3)
        found = np.concatenate([make.spread(_SPREAD), children])
        scores = log_expected_improvement(*posterior.predict(found), best)
        step = _ROUND_STEP
        for _ in range(_ROUNDS):
            top = found[np.argsort(-scores, kind="stable")[:_ROUND_PARENTS]]
            children = make.children(top, _ROUND_CHILDREN, smallest=step / 6, largest=step)
            scores = np.append(scores, log_expected_improvement(*posterior.predict(children), best))
            found, step = np.concatenate([found, children]), step / 2
        top_row = found[np.argmax(scores)]
        free = np.flatnonzero(space.numeric & ~space.gridded & space.active(top_row[None])[0])
        polished = polish(posterior, top_row, free, best, region.low, region.high)
        return np.concatenate([polished[None], found]), np.append(scores.max(), scores)

    def _first_new(self, candidates: Array, history: History, rng: np.random.Generator) -> Array:
        """Return the first candidate that was never suggested, or the first of all if there is none."""
        asked = history.asked()
        for row in (*candidates, *self._space.settle(self._space.draw(rng, _NEW_DRAWS))):
            (key,) = keys(row[None])
            if key not in asked:
                return np.asarray(row)
        if not self._said_exhausted and history.repeats_are_equal():
            self._said_exhausted = True
            log.warning(
                "no new configuration is left after %d, and repeats give the same loss: "
                "more trials gain nothing; lower max_evals or widen the space",
                len(asked),
            )
        return np.asarray(candidates[0])


def _escape_share(history: History) -> float:
    """Return the probability of an escape: zero while results improve, then growing."""
    return _ESCAPE_SHARE * float(np.clip((history.since_best - _ESCAPE_AFTER) / _ESCAPE_OVER, 0.0, 1.0))
