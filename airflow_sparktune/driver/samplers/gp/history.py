"""The data for a suggestion: results in the order in which trials ended, and running trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.scale import LossScale

_SAME = 9  # decimals


@dataclass(frozen=True, slots=True)
class History:
    """The `rows` (n, parameters) of ended trials, their `losses` (nan for failures), and `pending` rows."""

    rows: Array
    losses: Array
    pending: Array

    @property
    def informs(self) -> bool:
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
    def targets(self) -> Array:
        """Return the targets to which a process is fitted."""
        return self.scale.targets(self.filled)

    @property
    def since_best(self) -> int:
        """Return the number of results since the best one."""
        return len(self.losses) - 1 - int(np.nanargmin(self.losses))

    def first(self, count: int) -> History:
        """Return the first `count` results, without pending rows."""
        return History(self.rows[:count], self.losses[:count], self.pending[:0])

    def where(self, ended: Array, pending: Array) -> History:
        """Return the rows that two masks select."""
        return History(self.rows[ended], self.losses[ended], self.pending[pending])

    def chosen(self, most: int, rng: np.random.Generator) -> Array:
        """Return the indices of at most `most` results: the best, and a random sample of the others."""
        if len(self.losses) <= most:
            return np.arange(len(self.losses))
        order = np.argsort(self.filled, kind="stable")
        others = rng.choice(order[most // 2 :], size=most - most // 2, replace=False)
        return np.sort(np.concatenate([order[: most // 2], others]))

    def asked(self) -> set[bytes]:
        """Return the keys of all configurations suggested so far."""
        return {*keys(self.rows), *keys(self.pending)}

    def repeats_are_equal(self) -> bool:
        """Return whether there are repeated configurations, and each had the same loss every time."""
        found: dict[bytes, list[float]] = {}
        for key, loss in zip(keys(self.rows), self.losses, strict=True):
            found.setdefault(key, []).append(float(loss))
        repeated = [each for each in found.values() if len(each) > 1]
        return bool(repeated) and all(len(set(each)) == 1 for each in repeated)


def keys(rows: Array) -> list[bytes]:
    """Return hashable keys of rows; rows that differ only by rounding have equal keys."""
    return [row.tobytes() for row in np.round(rows, _SAME) + 0.0]
