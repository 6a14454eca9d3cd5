"""What a suggestion is made from: results in the order in which they ended, and trials that are running."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array

_SAME = 9  # decimals


@dataclass(frozen=True, slots=True)
class History:
    """Rows (n, parameters) that ended with `losses` (n,), nan for failures, and rows that are `pending`."""

    rows: Array
    losses: Array
    pending: Array

    @property
    def informs(self) -> bool:
        """Return whether the losses tell configurations apart."""
        finite = self.losses[~np.isnan(self.losses)]
        return len(finite) > 1 and bool(finite.min() < finite.max())

    @property
    def finite(self) -> int:
        """Return how many results have a loss."""
        return int((~np.isnan(self.losses)).sum())

    @property
    def filled(self) -> Array:
        """Losses without gaps: a failure counts as the worst loss."""
        return np.where(np.isnan(self.losses), np.nanmax(self.losses), self.losses)

    @property
    def targets(self) -> Array:
        """Return what a process is fitted to: `transformed` losses."""
        return transformed(self.filled)

    @property
    def since_best(self) -> int:
        """Return how many results have come since the best one."""
        return len(self.losses) - 1 - int(np.nanargmin(self.losses))

    def first(self, count: int) -> History:
        """Return the first results alone."""
        return History(self.rows[:count], self.losses[:count], self.pending[:0])

    def where(self, ended: Array, pending: Array) -> History:
        """Some of the rows, by a mask for each kind."""
        return History(self.rows[ended], self.losses[ended], self.pending[pending])

    def chosen(self, most: int, rng: np.random.Generator) -> Array:
        """At most so many results, in their order: the best half, and others by chance."""
        if len(self.losses) <= most:
            return np.arange(len(self.losses))
        order = np.argsort(self.filled, kind="stable")
        others = rng.choice(order[most // 2 :], size=most - most // 2, replace=False)
        return np.sort(np.concatenate([order[: most // 2], others]))

    def asked(self) -> set[bytes]:
        """Return the keys of all configurations that were suggested."""
        return {*keys(self.rows), *keys(self.pending)}

    def repeats_are_equal(self) -> bool:
        """Return whether some configuration was tried more than once, and none of them had two losses."""
        found: dict[bytes, list[float]] = {}
        for key, loss in zip(keys(self.rows), self.losses, strict=True):
            found.setdefault(key, []).append(float(loss))
        repeated = [each for each in found.values() if len(each) > 1]
        return bool(repeated) and all(len(set(each)) == 1 for each in repeated)


def keys(rows: Array) -> list[bytes]:
    """Return what tells rows apart, as far as a suggestion is concerned."""
    return [row.tobytes() for row in np.round(rows, _SAME) + 0.0]


def transformed(losses: Array) -> Array:
    """Losses with mean 0 and deviation 1: the best fifth keep their differences, others their logarithms.

    A process is to know where the good ones are; how bad the bad ones are would dominate it.
    """
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
