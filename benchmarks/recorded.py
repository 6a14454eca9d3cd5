"""Configurations that were recorded once: draw those to record, and search among the recorded ones."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.base import Recommendation, Sampler, Suggestion
from airflow_sparktune.driver.samplers.gp.axis import Array
from airflow_sparktune.driver.samplers.gp.space import encoded_space
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

# What a sampler hears of a trial that has ended, given the study; None for nothing.
Lesson = Callable[[Trial, Study], Trial | None]


def drawn(space: SearchSpace, count: int) -> tuple[Array, list[Any]]:
    """Return the points of configurations drawn from the prior, as they are recorded, and their params."""
    sampler = over(space, "random")
    labels = [each.label for each in space.dimensions]
    points = np.empty((count, len(labels)), np.float32)
    for number in range(count):
        point = sampler.ask(number, seed=number).point
        points[number] = [point[label] for label in labels]
    found = (dict(zip(labels, point, strict=True)) for point in points.astype(float).tolist())
    return points, [space.suggestion(point).params for point in found]


def record_each(names: Iterable[str], record: Callable[[str], None]) -> None:
    """Record trainings, and print the seconds that each took."""
    warnings.filterwarnings("ignore")
    for name in names:
        started = time.monotonic()
        record(name)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


class RecordedSampler:
    """Suggests recorded configurations only: the one in `points` nearest to what `inner` suggests.

    Distances are those of `gp`, in the unit cube. No configuration is suggested twice, unless the sampler
    itself suggests one again. The sampler is told what ran, not what it suggested.
    """

    def __init__(
        self, inner: Sampler, space: SearchSpace, points: Array, lesson: Lesson | None = None
    ) -> None:
        self._inner = inner
        self._space = space
        self._lesson = lesson
        self.study = Study()
        labels = [each.label for each in space.dimensions]
        self._points = [dict(zip(labels, point, strict=True)) for point in points.tolist()]
        self._encoded = encoded_space(self._space.columns)
        self._features = self._encoded.features(
            np.array([self._encoded.encode(each) for each in self._points])
        )
        self._free = np.ones(len(self._points), bool)
        self.chosen: dict[int, int] = {}
        self.prefer_cheap = getattr(inner, "prefer_cheap", None)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._inner.dimensions

    def ask(self, number: int, *, seed: int) -> Suggestion:
        asked = self._inner.ask(number, seed=seed)
        row = self._encoded.encode(asked.point)
        gaps = ((self._features - self._encoded.features(row[None])) ** 2).sum(axis=1)
        if gaps.min() > 1e-12:
            gaps = np.where(self._free, gaps, np.inf)
        found = self.chosen[number] = int(gaps.argmin())
        self._free[found] = False
        return self._space.suggestion(self._points[found], by=asked.by)

    def tell(self, trial: Trial) -> None:
        told = trial
        if trial.state is TrialState.PRUNED and self._lesson is not None:
            told = self._lesson(trial, self.study)
        if told is not None:
            self._inner.tell(told)

    def given(self, params: Any) -> Suggestion:
        return self._inner.given(params)

    def recommend(self) -> Recommendation | None:
        return None
