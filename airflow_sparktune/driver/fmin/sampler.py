"""A sampler that works as `hyperopt.fmin` does: any domain, any suggest function, hyperopt's seeds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler, guarded_atpe
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.hyperopt_tpe import Suggest
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import plain
from airflow_sparktune.study.space.match import bounds, within
from airflow_sparktune.study.trial import Trial

log = logging.getLogger(__name__)

# Larger values are not seeds that a person chose: numpy seeds an unseeded generator with 128 random bits.
_SEED_LIMIT = 2**32


class _Space(SearchSpace):
    """A space whose values may be any objects."""

    def params(self, point: Mapping[str, Any]) -> Any:
        """Return the params for the journal: the values of a point if they are JSON, else the point."""
        try:
            return super().params(point)
        except Exception:  # noqa: BLE001 - a space may call user functions; the trial reports the error
            return dict(point)


class Seeds:
    """The seeds that hyperopt's fmin draws from a script's generator, one for each trial in turn."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self._drawn = 0

    def draw(self) -> int:
        """Return the seed of the next trial."""
        self._drawn += 1
        return int(self.generator.integers(2**31 - 1))

    def skip(self, before: int) -> None:
        """Draw the seeds of the trials numbered below `before` that were not drawn yet."""
        while self._drawn < before:
            self.draw()


class FminSampler(HyperoptSampler):
    """Suggests the points that hyperopt's fmin would evaluate, if it asked at the same moments.

    If the values of a point are not JSON, the journal holds the point in their place.
    """

    def __init__(self, domain: Any, suggest: Suggest, *, seeds: Seeds) -> None:
        if getattr(suggest, "__module__", None) == "hyperopt.atpe":
            suggest = guarded_atpe()
        super().__init__(_Space(domain, read_dimensions(domain.expr)), suggest)
        self._seeds = seeds

    def ask(self, number: int, *, seed: int) -> Suggestion:  # noqa: ARG002 - hyperopt's seeds are used instead
        """Return the configuration of trial `number`; raises Exhausted if the algorithm has no more."""
        self._seeds.skip(number)
        return super().ask(number, seed=self._seeds.draw())

    def seed_with(self, seed: int) -> None:
        """Draw seeds from a new generator with this seed, as an earlier attempt did."""
        self._seeds = Seeds(np.random.default_rng(seed))

    def starts(self, points: Sequence[Any]) -> list[Suggestion]:
        """Return the suggestions of points given by label; raises SpecError for one outside the space."""
        return [Suggestion(point, self.space.params(point)) for point in map(self._checked, points)]

    def usable(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials of another study whose points are valid in this space."""
        found = [trial for trial in trials if self._fits(trial.point)]
        if left_out := len(trials) - len(found):
            log.warning("left out %d earlier trials: their points are not in the current space", left_out)
        return found

    def _fits(self, point: Mapping[str, Any]) -> bool:
        try:
            # A number outside its bounds is still informative; an invalid index is not.
            self._checked(point, only_indices=True)
        except SpecError:
            return False
        return True

    def _checked(self, point: Any, *, only_indices: bool = False) -> dict[str, Any]:
        """Return a valid point by label; raises SpecError for another.

        With `only_indices`, numbers may be out of their bounds.
        """
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
        checked: dict[str, Any] = plain(dict(point), what="points_to_evaluate")
        for row in self.dimensions:
            if only_indices and not self.space.whole(row.label):
                continue
            if row.label in checked and not within(row, checked[row.label]):
                low, high = bounds(row)
                raise SpecError(
                    f"points_to_evaluate must lie in the space, got {checked[row.label]!r} for "
                    f"{row.label!r}; give a number from {low} to {high}"
                )
        try:
            self.space.value(checked)
        except Exception as error:  # hyperopt raises an AssertionError or an IndexError
            raise SpecError(
                f"points_to_evaluate must give a number for each active label, and for a choice the index of "
                f"its option, got {checked}"
            ) from error
        return checked


def given_seed(generator: np.random.Generator) -> int | None:
    """Return the seed passed to numpy's `default_rng`, or None if it was not a plain number.

    >>> given_seed(np.random.default_rng(7)), given_seed(np.random.default_rng())
    (7, None)
    """
    sequence: Any = getattr(generator.bit_generator, "seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    if not isinstance(entropy, (int, np.integer)) or sequence.spawn_key:
        return None
    return int(entropy) if entropy < _SEED_LIMIT else None
