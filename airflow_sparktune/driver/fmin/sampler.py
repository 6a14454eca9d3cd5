"""What fmin is told to search with, as a sampler: any domain, any suggest function, hyperopt's seeds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers.base import Point
from airflow_sparktune.driver.samplers.hyperopt import SuggestSampler, guarded_atpe
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.dimensions import Dimension
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

log = logging.getLogger(__name__)

# What people write as a seed; a generator without one is seeded with 128 random bits.
_SEED_LIMIT = 2**32


class FminSampler(SuggestSampler):
    """The points that hyperopt's own fmin would evaluate, as far as it asks at the same moments.

    `generator` gives each trial a seed, `points` are where to start (raw, by label), as far as no trial that
    was told had them. A point whose values JSON cannot hold is journalled as it is. Raises SpecError for a
    point that is none of the space's.
    """

    def __init__(
        self,
        domain: Any,
        suggest: Suggest,
        *,
        generator: np.random.Generator,
        points: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        if getattr(suggest, "__module__", None) == "hyperopt.atpe":
            suggest = guarded_atpe()
        super().__init__(domain, read_dimensions(domain.expr), suggest)
        self._generator = generator
        self._points = [self._checked(point) for point in points]
        self._known: set[int] = set()

    def ask(self, number: int, *, seed: int) -> Point:  # noqa: ARG002 - hyperopt's own seeds are used instead
        """The configuration of trial `number`; raises Exhausted where the algorithm suggests none."""
        self._known.add(number)
        drawn = next_seed(self._generator)
        if self._points:
            raw = self._points.pop(0)
            return Point(raw, self.resolve(raw))
        return super().ask(number, seed=drawn)

    def tell(self, trial: Trial) -> None:
        """Take in where a trial stands; where an earlier one started none need start again."""
        super().tell(trial)
        if trial.number not in self._known and trial.point in self._points:
            self._points.remove(dict(trial.point))
        self._known.add(trial.number)

    def usable(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials of another study whose points are points of this space too."""
        found = [trial for trial in trials if self._fits(trial.point)]
        if left_out := len(trials) - len(found):
            log.warning("%d earlier trials are no points of the space as it is now: left out", left_out)
        return found

    def resolve(self, raw: Mapping[str, Any]) -> Any:
        """What the journal shows of a raw point: its values in JSON, or else the point."""
        try:
            return super().resolve(raw)
        except Exception:  # noqa: BLE001 - a space may call the user's functions; the trial will tell
            return dict(raw)

    def _fits(self, point: Mapping[str, Any]) -> bool:
        rows = {item.label: item for item in self.dimensions}
        if set(point) - set(rows):
            return False
        # Beyond its bounds a number says something still; an index does not.
        if any(not _within(rows[label], value) for label, value in point.items() if label in self._whole):
            return False
        try:
            self.value(point)
        except Exception:  # noqa: BLE001 - what a label that is missing raises is hyperopt's affair
            return False
        return True

    def _checked(self, point: Any) -> dict[str, Any]:
        if not isinstance(point, Mapping):
            raise SpecError(
                f"points_to_evaluate must be a list of points, each a dict by label, got {point!r} in it"
            )
        labels = sorted(item.label for item in self.dimensions)
        if unknown := sorted(set(point) - set(labels)):
            raise SpecError(
                f"points_to_evaluate must use the labels of the space ({', '.join(labels)}), "
                f"got {unknown[0]!r}"
            )
        raw: dict[str, Any] = plain(dict(point), what="points_to_evaluate")
        for row in self.dimensions:
            if row.label in raw and not _within(row, raw[row.label]):
                low, high = _bounds(row)
                raise SpecError(
                    f"points_to_evaluate must lie in the space, got {raw[row.label]!r} for {row.label!r}; "
                    f"give a number from {low} to {high}"
                )
        try:
            self.value(raw)
        except Exception as error:  # hyperopt says so by an AssertionError or an IndexError
            raise SpecError(
                f"points_to_evaluate must give a number for each active label, and for a choice the index of "
                f"its option, got {raw}"
            ) from error
        return raw


def _within(row: Dimension, value: Any) -> bool:
    """Whether a number is one of its dimension's, as far as that knows its bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if row.kind in ("choice", "randint") and value != int(value):
        return False
    low, high = _bounds(row)
    # A quantised number may be rounded beyond a bound, and a bound was rounded itself.
    room = (row.step or 0.0) + 1e-9 * max(abs(low or 0.0), abs(high or 0.0))
    return (low is None or low - room <= value) and (high is None or value <= high + room)


def _bounds(row: Dimension) -> tuple[float | None, float | None]:
    return (0, len(row.options) - 1) if row.options is not None else (row.low, row.high)


def next_seed(generator: np.random.Generator) -> int:
    """The seed that hyperopt would draw for its next trial."""
    return int(generator.integers(2**31 - 1))


def pass_over(generator: np.random.Generator, study: Study, *, drawn: int) -> None:
    """Leave out the seeds that the study's trials had; of the first `drawn` this generator gave them."""
    for _ in range(drawn, max(study.trials, default=-1) + 1):
        next_seed(generator)


def given_seed(generator: np.random.Generator) -> int | None:
    """The seed that somebody gave to numpy's `default_rng`; None where there was none, or not a plain one.

    >>> given_seed(np.random.default_rng(7)), given_seed(np.random.default_rng())
    (7, None)
    """
    sequence: Any = getattr(generator.bit_generator, "seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    if not isinstance(entropy, (int, np.integer)) or sequence.spawn_key:
        return None
    return int(entropy) if entropy < _SEED_LIMIT else None
