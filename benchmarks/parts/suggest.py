"""Measure a suggestion of each algorithm as the history grows."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.space import uniform
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.report import Findings, middle

QUESTION = "What does a suggestion of each algorithm cost after n results?"
TARGET = "gp on one core: at most 6 ms after 100 results and 30 ms after 500 in 10 dimensions, 60 ms ever"

ALGORITHMS = ("tpe", "gp", "optuna:TPESampler")


@dataclass(frozen=True, slots=True)
class Size:
    """Ask for `asks` suggestions, each after a new result, for each pair of (dimensions, results)."""

    spaces: tuple[tuple[int, int], ...]
    asks: int


FULL = Size(spaces=((10, 100), (10, 500), (10, 2_000), (10, 5_000), (100, 500)), asks=15)
TINY = Size(spaces=((2, 20),), asks=2)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peers always run
    """Measure the milliseconds of processor time: the median, and the largest of one suggestion."""
    rows: list[tuple[Any, ...]] = []
    with threadpool_limits(1):
        for dimensions, results in size.spaces:
            for algo in ALGORITHMS:
                found = _costs(algo, dimensions, results, size.asks)
                rows.append((dimensions, results, algo, middle(found), max(found)))

    def draw(axes: Any) -> None:
        names = [f"{algo}, {results} results, {dimensions}D" for dimensions, results, algo, *_ in rows]
        axes.barh(names, [row[3] for row in rows])
        axes.invert_yaxis()
        axes.tick_params(labelsize=6)
        axes.set(xlabel="ms per suggestion (log)", xscale="log")

    columns = ("dimensions", "results", "algo", "median ms", "largest ms")
    note = "the largest includes a fit of the Gaussian process, at about every twentieth result"
    return Findings(columns, rows, draw, [note])


def _costs(algo: str, dimensions: int, results: int, asks: int) -> list[float]:
    labels = [f"x{at}" for at in range(dimensions)]
    sampler = sampler_of({label: uniform(-5.0, 5.0) for label in labels}, algo)
    chance = random.Random(1)

    def tell(number: int) -> None:
        point = {label: chance.uniform(-5.0, 5.0) for label in labels}
        loss = sum((at + 1) * (value - 1) ** 2 for at, value in enumerate(point.values()))
        trial = Trial(number=number, params=point, point=point, start=float(number))
        sampler.tell(trial.ended(TrialState.OK, end=number + 0.5, loss=loss))

    for number in range(results):
        tell(number)
    sampler.ask(results, seed=0)  # warms up: imports, and work done once for the history
    found = []
    for number in range(results, results + asks):
        tell(number)
        # Processor time does not include waiting on a busy machine.
        start = time.process_time()
        sampler.ask(number + 1, seed=number)
        found.append((time.process_time() - start) * 1000)
    return found
