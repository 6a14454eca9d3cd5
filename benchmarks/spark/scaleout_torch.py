"""Measures the same trainings of a PyTorch network on more and more workers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, over_workers
from benchmarks.spark.network import NEEDS as NEEDS
from benchmarks.spark.network import NETWORK
from benchmarks.spark.session import Session

QUESTION = "How much faster is a study of real trainings on more workers?"
TARGET = "0.9 of the ideal, as long as each worker has a core"


@dataclass(frozen=True, slots=True)
class Size:
    """`trials` trainings on each number of workers, the same ones each time."""

    trials: int
    workers: tuple[int, ...]


FULL = Size(trials=128, workers=(1, 2, 3, 4))
TINY = Size(trials=2, workers=(1, 2))


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - SparkTrials has no shared data
    """Measure wall time against workers, beside the ideal: that of one worker, divided."""
    session = Session(max(size.workers))
    times = {}
    for workers in size.workers:
        session.study(**NETWORK, trials=2 * workers, parallelism=workers)  # what workers import and compile
        # The same configurations whatever the workers: random search does not look at results.
        times[workers], _ = session.study(
            **NETWORK, trials=size.trials, parallelism=workers, algo="random", seed=1
        )
    session.close()
    alone_s = times[min(times)] * min(times)
    rows = [
        (workers, alone_s / workers, took_s, alone_s / took_s, alone_s / took_s / workers)
        for workers, took_s in times.items()
    ]

    def draw(axes: Any) -> None:
        axes.plot(size.workers, [row[1] for row in rows], "k--", label="ideal")
        axes.plot(size.workers, [row[2] for row in rows], "o-", label="sparktune")
        over_workers(axes, size.workers, ylabel="seconds")

    return Findings(
        ("workers", "ideal s", "sparktune s", "speed-up", "efficiency"),
        rows,
        draw,
        [f"{size.trials} trainings of one thread each, on {os.cpu_count()} cores"],
    )
