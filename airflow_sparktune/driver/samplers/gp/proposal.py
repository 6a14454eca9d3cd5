"""Make one suggestion of the Gaussian process from the results and the running trials."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.acquisition import Acquisition, polish
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.candidates import Candidates, Region
from airflow_sparktune.driver.samplers.gp.escape import tpe_candidates
from airflow_sparktune.driver.samplers.gp.fits import Fits, Limits
from airflow_sparktune.driver.samplers.gp.history import Branch, History, keys
from airflow_sparktune.driver.samplers.gp.model import Posterior, Settings
from airflow_sparktune.driver.samplers.gp.run_time import Pricing
from airflow_sparktune.driver.samplers.gp.scale import LossScale
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace
from airflow_sparktune.driver.samplers.gp.start import spread
from airflow_sparktune.driver.samplers.threads import one_blas_thread

log = logging.getLogger(__name__)

# The largest numbers of results in the process of the whole space, and in that of a branch.
_MOST, _MOST_IN_BRANCH = 500, 150
_JITTER = 0.7
_REGION_SHARE, _FROM_BEST = 0.4, 0.8
# The share of suggestions for a branch without the best result, and the largest share for all such branches.
_BRANCH_SHARE, _MOST_BRANCH_SHARE = 0.1, 0.3
# How many branches, chosen at random, are scored for such a suggestion, and for any other besides the space.
_BRANCHES_ALONE, _BRANCHES_BESIDES = 4, 2
_SPREAD, _PARENTS, _CHILDREN = 200, 5, 32
_ROUNDS, _ROUND_PARENTS, _ROUND_CHILDREN, _ROUND_STEP = 4, 4, 24, 0.1
_ESCAPE_SHARE, _ESCAPE_AFTER, _ESCAPE_OVER = 0.15, 15, 30
_NEW_DRAWS = 64


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates, their scores, and the method that made them.

    The scores of a process are logarithms of the expected improvement in loss, less the price in run time, so
    those of two processes can be compared. `gain` is the highest expected improvement in loss, None for other
    methods, which have scores of their own.
    """

    rows: Array
    scores: Array
    method: str
    gain: float | None = None

    @property
    def best_score(self) -> float:
        """Return the highest score."""
        return float(self.scores.max())


class Proposer:
    """Suggests rows of a space. Its caches save time and do not affect suggestions."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._fits = Fits(space)
        self._limits = Limits(space)
        self._pricing = Pricing(space)
        self._warned = False

    def propose(self, history: History, rng: np.random.Generator) -> tuple[Array, Scored]:
        """Return the next row, and the candidates of its method: `gp`, `gp: branch` or `gp: tpe`."""
        with one_blas_thread():
            # Repeats with equal losses would push the fitted noise to zero, but the process needs some noise
            # to explain ruggedness.
            results = history if history.noisy else history.distinct()
            found = self._scored(results, rng)
            order = np.argsort(-found.scores, kind="stable")
            return self._first_new(found.rows[order], history, rng), found

    def repeated(self, history: History) -> int | None:
        """Return the index of the result whose configuration should run again, or None."""
        if not history.wants_repeat:
            return None
        at = (
            self.lowest_expected(history)[0]
            if history.noise.degrees
            else int(np.nanargmin(history.ranking.losses))
        )
        too_late = history.left is not None and history.run_times[at] > history.left.seconds
        return None if too_late else at

    def lowest_expected(self, history: History) -> tuple[int, float]:
        """Return the index of the first result with the lowest expected loss, and this loss.

        All repeats of a configuration share one expected loss. One beyond the guardrails is returned only if
        all are.
        """
        with one_blas_thread():
            kept = history.ranking.chosen(_MOST, np.random.default_rng(len(history.losses)))
            scale, settings = history.scale, self._fits.latest(history)
            targets = scale.targets(history.filled)[kept]
            posterior = Posterior(self._space, settings, history.rows[kept], targets, history.pending)
        means, broken = posterior.means, history.broken[kept]
        broken = np.where(np.isnan(history.losses[kept]), np.inf, broken)
        at = np.lexsort((means, broken))[0]
        best = history.row_keys[kept[at]]
        successes = np.flatnonzero(~np.isnan(history.losses))
        first = next(at for at in successes if history.row_keys[at] == best)
        return int(first), float(scale.losses(means[at]))

    def _scored(self, history: History, rng: np.random.Generator) -> Scored:
        others = self._other_branches(history)
        if others and rng.random() < min(_BRANCH_SHARE * len(others), _MOST_BRANCH_SHARE):
            return self._in_one_of(_some(others, _BRANCHES_ALONE, rng), history, rng)
        if rng.random() < _escape_share(history.ranking):
            rows, scores = tpe_candidates(self._space, history.ranking, rng)
            price = self._pricing.price(history)
            return Scored(rows, scores if price is None else scores - price.of(rows), "gp: tpe")
        found = self._anywhere(history, rng)
        fittable = _some([branch for branch in others if branch.history.fittable], _BRANCHES_BESIDES, rng)
        return max((found, *self._in_each(fittable, history, rng)), key=lambda each: each.best_score)

    def _anywhere(self, history: History, rng: np.random.Generator) -> Scored:
        """Return candidates from the whole space."""
        scale = history.scale
        posterior = self._posterior(self._fits.latest(history), history, scale, rng, most=_MOST)
        region = Region.whole(self._space)
        if rng.random() < _REGION_SHARE:
            ranked = posterior.ranked
            rank = 0 if rng.random() < _FROM_BEST else int(rng.integers(min(3, len(ranked))))
            region = Region.around(self._space, ranked[rank], posterior.weights, rng)
        return self._rated(posterior, region, posterior.best, scale, history, rng, method="gp")

    def _posterior(
        self, settings: Settings, history: History, scale: LossScale, rng: np.random.Generator, *, most: int
    ) -> Posterior:
        """Return the posterior given at most `most` of the results, with perturbed settings."""
        # Different weights per suggestion, so that parallel ones differ and a bad fit misleads only some.
        settings = settings.jittered(rng, size=_JITTER)
        kept = history.ranking.chosen(most, rng)
        targets = scale.targets(history.filled)[kept]
        return Posterior(
            self._space, settings, history.rows[kept], targets, history.pending, history.broken[kept]
        )

    def _other_branches(self, history: History) -> list[Branch]:
        """Return the branches without the best result."""
        space, best = self._space, history.rows[[np.nanargmin(history.ranking.losses)]]
        return [Branch.of(space, each, history) for each in space.branches if not space.meets(best, each)[0]]

    def _in_one_of(self, branches: Sequence[Branch], history: History, rng: np.random.Generator) -> Scored:
        """Return candidates of an untried branch, else of the branch with the highest score."""
        for branch in branches:
            if branch.untried:
                return self._spread(branch, rng)
        found = self._in_each([branch for branch in branches if branch.history.fittable], history, rng)
        return max(found, key=lambda each: each.best_score) if found else self._spread(branches[0], rng)

    def _in_each(
        self, branches: Sequence[Branch], history: History, rng: np.random.Generator
    ) -> list[Scored]:
        """Return candidates of each branch, scored by improvement over the best loss of all."""
        at = np.nanargmin(history.ranking.losses)
        lowest = history.losses[at] if not history.broken[at] else None
        if history.noisy and lowest is not None:
            lowest = self.lowest_expected(history)[1]
        return [self._in_branch(branch, lowest, history, rng) for branch in branches]

    def _in_branch(
        self, branch: Branch, lowest: float | None, whole: History, rng: np.random.Generator
    ) -> Scored:
        """Return candidates within a branch.

        Each branch is fitted on its own data: a fit over the whole space undervalues one with few trials.
        """
        history, scale = branch.history, branch.history.scale
        settings = self._fits.of_branch(history, whole.noise, rng)
        posterior = self._posterior(settings, history, scale, rng, most=_MOST_IN_BRANCH)
        best = None
        if lowest is not None:
            known = float(scale.targets(np.array(lowest)))
            best = known if posterior.best is None else min(known, posterior.best)
        region = Region.whole(self._space, branch.condition)
        return self._rated(posterior, region, best, scale, whole, rng, method="gp: branch")

    def _spread(self, branch: Branch, rng: np.random.Generator) -> Scored:
        """Return a configuration of a branch with few results, far from these."""
        known = np.concatenate([branch.history.rows, branch.history.pending])
        row = spread(self._space, known, rng, branch.condition)
        return Scored(row[None], np.zeros(1), "gp: branch")

    def _rated(
        self,
        posterior: Posterior,
        region: Region,
        best: float | None,
        scale: LossScale,
        history: History,
        rng: np.random.Generator,
        *,
        method: str,
    ) -> Scored:
        """Return candidates and their scores: the log expected improvement over `best` within the limits,
        less the price.
        """
        space, ranked = self._space, posterior.ranked
        limits = self._limits.of(history, rng, jitter=_JITTER)
        acquisition = Acquisition(posterior, best, limits, self._pricing.price(history))
        make = Candidates(space, ranked[: max(5, len(ranked) // 5)], region, rng)
        parents = ranked[:_PARENTS]
        children = make.children(parents, _CHILDREN, smallest=0.004, largest=0.3)
        found = np.concatenate([make.spread(_SPREAD), children])
        rated = acquisition.rated(found)
        step = _ROUND_STEP
        for _ in range(_ROUNDS):
            top = found[np.argsort(-rated[1], kind="stable")[:_ROUND_PARENTS]]
            children = make.children(top, _ROUND_CHILDREN, smallest=step / 6, largest=step)
            rated = np.hstack([rated, acquisition.rated(children)])
            found, step = np.concatenate([found, children]), step / 2
        promises, scores = rated
        top_row = found[np.argmax(scores)]
        free = np.flatnonzero(space.numeric & ~space.gridded & space.active(top_row[None])[0])
        polished = polish(acquisition, top_row, free, region.low, region.high)
        rows, scores = np.concatenate([polished[None], found]), np.append(scores.max(), scores)
        if best is None:
            return Scored(rows, scores, method)
        return Scored(rows, scores + scale.log_unit, method, gain=math.exp(promises.max() + scale.log_unit))

    def _first_new(self, candidates: Array, history: History, rng: np.random.Generator) -> Array:
        """Return the first candidate that was never suggested, or the first of all if there is none."""
        asked = history.asked()
        for row in (*candidates, *self._space.settle(self._space.draw(rng, _NEW_DRAWS))):
            (key,) = keys(row[None])
            if key not in asked:
                return np.asarray(row)
        if not self._warned and history.noise.absent:
            self._warned = True
            log.warning(
                "no new configuration is left after %d, and repeats give the same loss: "
                "more trials gain nothing; lower max_evals or widen the space",
                len(asked),
            )
        return np.asarray(candidates[0])


def _some(branches: Sequence[Branch], count: int, rng: np.random.Generator) -> list[Branch]:
    """Return at most `count` of the branches, chosen at random."""
    return [branches[at] for at in rng.permutation(len(branches))[:count]]


def _escape_share(history: History) -> float:
    """Return the probability of an escape: zero while results improve, then growing."""
    return _ESCAPE_SHARE * float(np.clip((history.since_best - _ESCAPE_AFTER) / _ESCAPE_OVER, 0.0, 1.0))
