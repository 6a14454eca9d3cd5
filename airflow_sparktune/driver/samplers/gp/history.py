"""The data for a suggestion: results in the order in which trials ended, and running trials."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from airflow_sparktune.driver.samplers.base import Left
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.noise import Noise
from airflow_sparktune.driver.samplers.gp.scale import LimitScale, LossScale
from airflow_sparktune.driver.samplers.gp.space import Condition, EncodedSpace

# The smallest number of losses in a fit of the process.
_FEWEST = 4
# A branch with this many ended trials counts as tried, even if nearly all of them have failed.
_ENOUGH_FAILED = 3 * _FEWEST
# The results before the first repeat. If that shows noise: the results for each repeat, and the most repeats.
# Four repeats, or a tenth or a fifth of all trials, did equally well.
_FIRST_REPEAT, _REPEAT_EVERY, _MOST_REPEATS = 16, 8, 8
_SAME = 9  # decimals


@dataclass(frozen=True)
class History:
    """The `rows` (n, parameters) of ended trials, their `losses` (nan for failures), and `pending` rows.

    `excesses` (n, bounds) tell how far each trial is beyond each bound of a guardrail (nan if not measured).
    `run_times` (n,) are in seconds (nan if unknown); `left` is what is left of a study that should spend its
    time well, None if the run time of a trial does not matter.
    """

    rows: Array
    losses: Array
    pending: Array
    excesses: Array = field(default_factory=lambda: np.empty((0, 0)))
    run_times: Array = field(default_factory=lambda: np.empty(0))
    left: Left | None = None

    @property
    def losses_differ(self) -> bool:
        """Return whether the losses differ."""
        finite = self.losses[~np.isnan(self.losses)]
        return len(finite) > 1 and bool(finite.min() < finite.max())

    @property
    def finite(self) -> int:
        """Return the number of results with a loss."""
        return int((~np.isnan(self.losses)).sum())

    @property
    def filled(self) -> Array:
        """Return the losses, with the worst loss in place of failures."""
        return np.where(np.isnan(self.losses), np.nanmax(self.losses), self.losses)

    @property
    def scale(self) -> LossScale:
        """Return the scale that makes targets of these losses."""
        return LossScale.of(self.filled)

    @property
    def since_best(self) -> int:
        """Return the number of results since the best one."""
        return len(self.losses) - 1 - int(np.nanargmin(self.losses))

    def first(self, count: int) -> History:
        """Return the first `count` results, without pending rows."""
        return self.where(np.arange(count), np.arange(0))

    def where(self, ended: Array, pending: Array) -> History:
        """Return the rows that two masks or arrays of indices select."""
        excesses, run_times = (each[ended] if len(each) else each for each in (self.excesses, self.run_times))
        return replace(
            self,
            rows=self.rows[ended],
            losses=self.losses[ended],
            pending=self.pending[pending],
            excesses=excesses,
            run_times=run_times,
        )

    def distinct(self) -> History:
        """Return one result for each configuration: the first with a loss, or the first failure."""
        found: dict[bytes, int] = {}
        for at, key in enumerate(self.row_keys):
            known = found.setdefault(key, at)
            if np.isnan(self.losses[known]):
                found[key] = at
        kept = np.array(sorted(found.values()), dtype=int)
        return self.where(kept, np.arange(len(self.pending)))

    def chosen(self, most: int, rng: np.random.Generator) -> Array:
        """Return the indices of at most `most` results: the best, and a random sample of the others."""
        if len(self.losses) <= most:
            return np.arange(len(self.losses))
        order = np.argsort(self.filled, kind="stable")
        others = rng.choice(order[most // 2 :], size=most - most // 2, replace=False)
        return np.sort(np.concatenate([order[: most // 2], others]))

    def asked(self) -> set[bytes]:
        """Return the keys of all configurations suggested so far."""
        return {*self.row_keys, *keys(self.pending)}

    @cached_property
    def row_keys(self) -> list[bytes]:
        """Return the keys of the rows of ended trials."""
        return keys(self.rows)

    @cached_property
    def noise(self) -> Noise:
        """Return the noise of the losses, measured by repeated configurations."""
        found: dict[bytes, list[float]] = {}
        for key, loss in zip(self.row_keys, self.losses, strict=True):
            if not np.isnan(loss):
                found.setdefault(key, []).append(loss)
        return Noise.of(np.array(losses) for losses in found.values() if len(losses) > 1)

    @cached_property
    def broken(self) -> Array:
        """Return by how much each configuration breaks the bounds, 0 if it holds them all.

        Each is judged by the mean of its trials. A failure breaks none.
        """
        if not self.excesses.shape[1]:
            return np.zeros(len(self.losses))
        known: dict[bytes, list[Array]] = {}
        for key, excesses in zip(self.row_keys, self.excesses, strict=True):
            if not np.isnan(excesses).any():
                known.setdefault(key, []).append(excesses)
        none = np.zeros(self.excesses.shape[1])
        means = np.array([np.mean(known.get(key, [none]), axis=0) for key in self.row_keys])
        beyond = np.maximum(means, 0.0)
        size = beyond.max(axis=0)
        return np.asarray((beyond / np.where(size > 0, size, 1.0)).sum(axis=1))

    @property
    def ranking(self) -> History:
        """Return the history with infeasible trials after feasible ones, in the order of their losses."""
        if not self.broken.any():
            return self
        worst, least = np.nanmax(self.losses), np.nanmin(self.losses)
        size = worst - least or 1.0
        losses = np.where(self.broken > 0, worst + size * self.broken, self.losses)
        return History(self.rows, np.where(np.isnan(self.losses), np.nan, losses), self.pending)

    @property
    def noisy(self) -> bool:
        """Return whether repeats have shown noise that can change which of the good losses is lowest."""
        return self.noise.degrees > 0 and self.noise.matters(self.scale)

    @property
    def repeats(self) -> int:
        """Return the number of ended and running trials whose configuration was suggested before."""
        return len(self.rows) + len(self.pending) - len(self.asked())

    @property
    def wants_repeat(self) -> bool:
        """Return whether the next trial should repeat a configuration.

        Repeats show the noise, and the best configuration in spite of it.
        """
        if self.finite < _FIRST_REPEAT:
            return False
        if self.noise.degrees == 0:
            return self.repeats == 0
        return self.noisy and self.repeats < min(self.finite // _REPEAT_EVERY, _MOST_REPEATS)

    @property
    def fittable(self) -> bool:
        """Return whether there are enough losses, with differences, to fit a process."""
        return self.losses_differ and self.finite >= _FEWEST


class Excesses(History):
    """A history with the excesses over one bound in place of the losses."""

    @cached_property
    def scale(self) -> LimitScale:  # type: ignore[override]
        return LimitScale.of(self.losses)


@dataclass(frozen=True, slots=True)
class Branch:
    """The `condition` of a branch of a conditional space, and the `history` of the trials within it."""

    condition: Condition
    history: History

    @classmethod
    def of(cls, space: EncodedSpace, condition: Condition, history: History) -> Branch:
        """Return the branch of a condition."""
        ended, pending = (space.meets(rows, condition) for rows in (history.rows, history.pending))
        return cls(condition, history.where(ended, pending))

    @property
    def untried(self) -> bool:
        """Return whether the branch needs more trials before a process can judge it."""
        ended, running = len(self.history.rows), len(self.history.pending)
        return self.history.finite + running < _FEWEST and ended < _ENOUGH_FAILED


def keys(rows: Array) -> list[bytes]:
    """Return hashable keys of rows; rows that differ only by rounding have equal keys."""
    return [row.tobytes() for row in np.round(rows, _SAME) + 0.0]
