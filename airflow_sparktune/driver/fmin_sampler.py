"""What fmin is told to search with, as a sampler: any domain, any suggest function, hyperopt's seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from airflow_sparktune.driver.hyperopt_space import read_dimensions
from airflow_sparktune.driver.remembering_tpe import Suggest
from airflow_sparktune.driver.roles import Point
from airflow_sparktune.driver.sampler import SuggestSampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.plain import plain

# What people write as a seed; a generator without one is seeded with 128 random bits.
_SEED_LIMIT = 2**32


class FminSampler(SuggestSampler):
    """The points that hyperopt's own fmin would evaluate, as far as it asks at the same moments.

    `generator` gives trial n its n-th seed, `points` are what the first trials start with (raw, by label).
    A point whose values JSON cannot hold is journalled as it is. Raises SpecError for a point that is none
    of the space's.
    """

    def __init__(
        self,
        domain: Any,
        suggest: Suggest,
        *,
        generator: np.random.Generator,
        points: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(domain, read_dimensions(domain.expr), suggest)
        self._generator = generator
        self._seeds: list[int] = []
        self._points = [self._checked(point) for point in points]

    def ask(self, number: int, *, seed: int) -> Point:  # noqa: ARG002 - hyperopt's own seeds are used instead
        """The configuration of trial `number`; raises Exhausted where the algorithm suggests none."""
        while len(self._seeds) <= number:
            self._seeds.append(int(self._generator.integers(2**31 - 1)))
        if number < len(self._points):
            return Point(self._points[number], self.resolve(self._points[number]))
        return super().ask(number, seed=self._seeds[number])

    def resolve(self, raw: Mapping[str, Any]) -> Any:
        """What the journal shows of a raw point: its values in JSON, or else the point."""
        try:
            return super().resolve(raw)
        except Exception:  # noqa: BLE001 - a space may call the user's functions; the trial will tell
            return dict(raw)

    def _checked(self, point: Mapping[str, Any]) -> dict[str, Any]:
        labels = sorted(item.label for item in self.dimensions)
        if unknown := sorted(set(point) - set(labels)):
            raise SpecError(
                f"points_to_evaluate must use the labels of the space ({', '.join(labels)}), "
                f"got {unknown[0]!r}"
            )
        raw: dict[str, Any] = plain(dict(point), what="points_to_evaluate")
        try:
            self.value(raw)
        except Exception as error:  # hyperopt says so by an AssertionError or an IndexError
            raise SpecError(
                f"points_to_evaluate must give a number for each active label, and for a choice the index of "
                f"its option, got {raw}"
            ) from error
        return raw


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
