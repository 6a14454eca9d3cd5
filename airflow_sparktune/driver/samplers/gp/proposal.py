"""One suggestion of the Gaussian process, from the results so far and the trials that are running."""

from __future__ import annotations

import logging

import numpy as np
from threadpoolctl import ThreadpoolController

from airflow_sparktune.driver.samplers.gp.acquisition import log_expected_improvement, polish
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.candidates import Candidates, Region
from airflow_sparktune.driver.samplers.gp.escape import tpe_candidates
from airflow_sparktune.driver.samplers.gp.model import Posterior, Settings, fit
from airflow_sparktune.driver.samplers.gp.space import EncodedSpace, Way
from airflow_sparktune.driver.samplers.gp.start import distances

log = logging.getLogger(__name__)

# Fits see at most so many results, suggestions at most so many, half of them the best.
_FIT_ON, _CONDITION_ON = 200, 500
_FIT_BRANCH_ON = 64
# The last two are needed, and their bases.
_FITS = 4
_FIRST_ITERATIONS, _ITERATIONS = 30, 12
_LEAST = 4
_JITTER = 0.7
_REGION_SHARE, _FROM_BEST = 0.4, 0.8
_BRANCH_SHARE = 0.1
_SPREAD, _PARENTS, _CHILDREN = 200, 5, 32
_ROUNDS, _ROUND_PARENTS, _ROUND_CHILDREN, _ROUND_STEP = 4, 4, 24, 0.1
_ESCAPE_SHARE, _ESCAPE_AFTER, _ESCAPE_OVER = 0.15, 15, 30
_NEW_DRAWS = 64
_SAME = 9  # decimals


class Proposer:
    """Suggests rows of a space. It keeps the last fits, which are functions of what they were fitted on."""

    def __init__(self, space: EncodedSpace) -> None:
        self._space = space
        self._fits: dict[bytes, Settings] = {}
        self._said_exhausted = False
        self._threads = ThreadpoolController()

    def propose(self, rows: Array, losses: Array, pending: Array, rng: np.random.Generator) -> Array:
        """The next row, after `rows` (n, parameters) ended with `losses` (n,), nan for failures."""
        # Threads would spend more on waiting for each other than matrices this small are worth, on cores
        # that trials may be using.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._propose(rows, losses, pending, rng)

    def _propose(self, rows: Array, losses: Array, pending: Array, rng: np.random.Generator) -> Array:
        space, way = self._space, self._other_branch(rows, losses, rng)
        if way:
            return self._in_branch(way, rows, losses, pending, rng)
        if rng.random() < _escape_share(losses):
            found, scores = tpe_candidates(space, rows, filled(losses), pending, rng)
            return self._first_new(found, scores, rows, losses, pending, rng)
        settings = self._fitted(rows, losses).jittered(rng, size=_JITTER)
        kept = _subset(filled(losses), _CONDITION_ON, rng)
        targets = transformed(filled(losses))
        posterior = Posterior(space, settings, rows[kept], targets[kept], pending)
        found, scores = self._promising(posterior, rows[kept], (), rng)
        return self._first_new(found, scores, rows, losses, pending, rng)

    def _other_branch(self, rows: Array, losses: Array, rng: np.random.Generator) -> Way:
        """Now and then the way to a branch in which the best result is not."""
        space, best = self._space, rows[[np.nanargmin(losses)]]
        others = [way for way in space.branches if not space.leads(best, way)[0]]
        return others[rng.integers(len(others))] if others and rng.random() < _BRANCH_SHARE else ()

    def _in_branch(
        self, way: Way, rows: Array, losses: Array, pending: Array, rng: np.random.Generator
    ) -> Array:
        """A suggestion within a branch, as if it were a space of its own.

        Beside a tuned branch nothing in another one promises an improvement before it is tuned as well.
        """
        space = self._space
        inside, waiting = space.leads(rows, way), space.leads(pending, way)
        own, own_losses = rows[inside], losses[inside]
        if _worth_a_fit(own_losses):
            own_losses = filled(own_losses)
            kept = _subset(own_losses, _FIT_BRANCH_ON, rng)
            own, targets = own[kept], transformed(own_losses)[kept]
            settings = fit(
                space, own, targets, start=Settings.typical(space), iterations=_FIRST_ITERATIONS
            ).jittered(rng, size=_JITTER)
            posterior = Posterior(space, settings, own, targets, pending[waiting])
            found, scores = self._promising(posterior, own, way, rng)
        else:
            found = Candidates(space, rows, Region.whole(space, way), rng).spread(_NEW_DRAWS)
            scores = distances(space, found, np.concatenate([own, pending[waiting]]))
        return self._first_new(found, scores, rows, losses, pending, rng)

    def _promising(
        self, posterior: Posterior, rows: Array, way: Way, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Candidates, and the logarithm of the improvement on `rows` that each promises."""
        space, best = self._space, float(posterior.means.min())
        order = np.argsort(posterior.means, kind="stable")
        region = Region.whole(space, way)
        if not way and rng.random() < _REGION_SHARE:
            rank = 0 if rng.random() < _FROM_BEST else int(rng.integers(min(3, len(order))))
            region = Region.around(space, rows[order[rank]], posterior.weights, rng)
        donors = rows[order[: max(5, len(rows) // 5)]]
        make = Candidates(space, donors, region, rng)
        found = np.concatenate(
            [
                make.spread(_SPREAD),
                make.children(rows[order[:_PARENTS]], _CHILDREN, smallest=0.004, largest=0.3),
            ]
        )
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
        found, scores = np.concatenate([polished[None], found]), np.append(scores.max(), scores)
        return found, scores

    def _first_new(
        self,
        found: Array,
        scores: Array,
        rows: Array,
        losses: Array,
        pending: Array,
        rng: np.random.Generator,
    ) -> Array:
        """The best candidate that was never asked for; a repeat of the best where there is no new one."""
        asked = {*_keys(rows), *_keys(pending)}
        candidates = found[np.argsort(-scores, kind="stable")]
        drawn = self._space.settle(self._space.draw(rng, _NEW_DRAWS))
        for row in (*candidates, *drawn):
            (key,) = _keys(row[None])
            if key not in asked:
                return np.asarray(row)
        if not self._said_exhausted and _repeats_are_equal(rows, losses):
            self._said_exhausted = True
            log.warning(
                "no configuration is new after %d, and repeats give the same loss: "
                "more trials find nothing new; lower max_evals or widen the space",
                len(asked),
            )
        return np.asarray(candidates[0])

    def _fitted(self, rows: Array, losses: Array) -> Settings:
        """The fit that is due after so many results, in the order in which they ended.

        Fits happen at fixed counts of results. Each starts from the fit at the power of two below, and that
        one from the means of the priors: a study that was resumed has the same ones after two fits.
        """
        count = last_fit(len(rows))
        base = _power_of_two(count)
        start = self._fit(rows[:base], losses[:base], Settings.typical(self._space), _FIRST_ITERATIONS)
        if count == base:
            return start
        return self._fit(rows[:count], losses[:count], start, _ITERATIONS)

    def _fit(self, rows: Array, losses: Array, start: Settings, iterations: int) -> Settings:
        if not _worth_a_fit(losses):
            return start
        key = rows.tobytes() + losses.tobytes()
        if key not in self._fits:
            losses = filled(losses)
            kept = _subset(losses, _FIT_ON, np.random.default_rng(len(rows)))
            while len(self._fits) >= _FITS:
                del self._fits[next(iter(self._fits))]
            self._fits[key] = fit(
                self._space, rows[kept], transformed(losses)[kept], start=start, iterations=iterations
            )
        return self._fits[key]


def last_fit(count: int) -> int:
    """The last count of results, up to `count`, at which the process is fitted: each, later fewer.

    >>> [last_fit(count) for count in (7, 39, 66, 100, 103, 530)]
    [7, 39, 64, 100, 103, 512]
    """
    base = _power_of_two(count)
    every = max(1, base // 20)
    return base + (count - base) // every * every


def _power_of_two(count: int) -> int:
    """The largest one that is at most `count`."""
    return 1 << (count.bit_length() - 1)


def _worth_a_fit(losses: Array) -> bool:
    """Whether losses tell more than that all is alike."""
    finite = losses[~np.isnan(losses)]
    return len(finite) >= _LEAST and finite.min() < finite.max()


def filled(losses: Array) -> Array:
    """Losses without gaps: a failure counts as the worst loss."""
    return np.where(np.isnan(losses), np.nanmax(losses), losses)


def transformed(losses: Array) -> Array:
    """What the process is fitted to: differences among the best fifth as they are, beyond in logarithms."""
    ordered = np.sort(losses)
    count = len(losses)
    boundary = ordered[min(count - 1, max(4, int(np.ceil(0.2 * count))))]
    if boundary == ordered[0]:
        above = ordered[ordered > ordered[0]]
        if not len(above):
            return np.zeros(count)
        boundary = above[0]
    with np.errstate(over="ignore"):
        found = np.clip((losses - boundary) / (boundary - ordered[0]), -1.0, 1e300)
    found = np.where(found > 0, np.log1p(np.maximum(found, 0)), found)
    return np.asarray((found - found.mean()) / found.std())


def _escape_share(losses: Array) -> float:
    """The chance of an escape: none while results improve, then growing."""
    since = len(losses) - 1 - int(np.nanargmin(losses))
    return _ESCAPE_SHARE * float(np.clip((since - _ESCAPE_AFTER) / _ESCAPE_OVER, 0.0, 1.0))


def _subset(losses: Array, most: int, rng: np.random.Generator) -> Array:
    """At most so many results: the best half, and others by chance; in their order."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    others = rng.choice(order[most // 2 :], size=most - most // 2, replace=False)
    return np.sort(np.concatenate([order[: most // 2], others]))


def _keys(rows: Array) -> list[bytes]:
    """What tells rows apart, as far as a suggestion is concerned."""
    return [row.tobytes() for row in np.round(rows, _SAME) + 0.0]


def _repeats_are_equal(rows: Array, losses: Array) -> bool:
    """Whether some configuration was tried more than once, and none of them had two losses."""
    found: dict[bytes, list[float]] = {}
    for key, loss in zip(_keys(rows), losses, strict=True):
        found.setdefault(key, []).append(float(loss))
    repeated = [each for each in found.values() if len(each) > 1]
    return bool(repeated) and all(len(set(each)) == 1 for each in repeated)
