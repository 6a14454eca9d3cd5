"""Problems whose trials take a time that depends on the configuration: recorded trainings, and functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from statistics import fmean
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.space import uniformint
from benchmarks.early_stopping import recorded
from benchmarks.early_stopping.tables import Array
from benchmarks.recorded import RecordedSampler
from benchmarks.search.problems import problem

# The trainings were recorded on small tables; on a thousand times the rows they would take as much longer.
_LONGER = 1_000.0
# The cost of a training before its first round, as a share of all of its rounds.
_FIXED = 0.02
_DRAWS = 300


@dataclass(frozen=True)
class Task:
    """A search space, and what a configuration gives: its loss and its seconds, both in part by chance.

    `played` gets the params, and the place of the configuration among the recorded `points`, if any.
    """

    space: SearchSpace
    played: Callable[[Mapping[str, Any], int, random.Random], tuple[float, float]]
    points: Array | None = None

    def sampler(self) -> Sampler:
        """Return `gp`, which suggests recorded configurations only, if there are any."""
        found = over(self.space, "gp")
        return found if self.points is None else RecordedSampler(found, self.space, self.points)

    @cached_property
    def mean_s(self) -> float:
        """The mean seconds of a configuration drawn by chance."""
        chance, sampler = random.Random(0), over(self.space, "random")
        if self.points is not None:
            return fmean(self.played({}, at, chance)[1] for at in range(len(self.points)))
        drawn = (sampler.ask(number, seed=number).params for number in range(_DRAWS))
        return fmean(self.played(params, 0, chance)[1] for params in drawn)


def training(name: str, *, rounds: str | None = None) -> Task:
    """A recorded training. `rounds` names one more parameter: how many of its steps a trial trains."""
    kept = recorded.problem(name)
    steps = kept.curves.shape[1]
    labels = [each.label for each in recorded.space_of(name).dimensions]
    points: list[dict[str, float]] = []
    found: list[tuple[float, float]] = []
    for at, point in enumerate(kept.points.tolist()):
        for step in range(1, steps + 1) if rounds else [steps]:
            more = {rounds: float(step)} if rounds else {}
            points.append({**dict(zip(labels, point, strict=True)), **more})
            share = _FIXED + (1 - _FIXED) * step / steps
            found.append((float(kept.curves[at, step - 1]), _LONGER * float(kept.seconds[at]) * share))
    more_space = {rounds: uniformint(1, steps)} if rounds else {}
    space = SearchSpace.of({**kept.space, **more_space})
    ordered = np.array([[point[each.label] for each in space.dimensions] for point in points])
    return Task(space, lambda _, at, __: found[at], ordered)


def timed(key: str, *, factor: float, grows_with: int = 2, spread: float = 0.1) -> Task:
    """A BBOB function of `search` whose longest trial takes `factor` times as long as its shortest.

    The time grows with the first parameters; `spread` is the deviation of its logarithm by chance.
    """
    task = problem(key)
    labels = list(task.space)[:grows_with]

    def played(params: Mapping[str, Any], _: int, chance: random.Random) -> tuple[float, float]:
        share = fmean((params[label] + 5.0) / 10.0 for label in labels)
        return task.loss(params), 100.0 * factor**share * chance.lognormvariate(0.0, spread)

    return Task(SearchSpace.of(task.space), played)


# All settings were chosen on CHOOSING.
CHOOSING: Mapping[str, Callable[[], Task]] = {
    "rounds_cells": partial(training, "boosting_cells", rounds="rounds"),
    "epochs_digits": partial(training, "network_digits", rounds="epochs"),
    "forest_cells": partial(training, "forest_cells"),
    "bbob1_x100": partial(timed, "bbob1", factor=100.0),
    "bbob8_x30": partial(timed, "bbob8", factor=30.0),
}
PUBLISHED: Mapping[str, Callable[[], Task]] = {
    "rounds_churn": partial(training, "boosting_churn", rounds="rounds"),
    "rounds_computers": partial(training, "boosting_computers", rounds="rounds"),
    "epochs_mnist": partial(training, "network_mnist", rounds="epochs"),
    "forest_attrition": partial(training, "forest_attrition"),
    "vectors_diabetes": partial(training, "vectors_diabetes"),
    "bbob6_x30": partial(timed, "bbob6", factor=30.0),
    "bbob15_x100": partial(timed, "bbob15", factor=100.0, grows_with=1),
    "bbob18_x10": partial(timed, "bbob18", factor=10.0),
    "bbob6_equal": partial(timed, "bbob6", factor=1.0, spread=0.0),
    "bbob7_chance": partial(timed, "bbob7", factor=1.0, spread=0.5),
}


@cache
def task_of(key: str) -> Task:
    """A problem of either list, made once."""
    return (CHOOSING | PUBLISHED)[key]()
