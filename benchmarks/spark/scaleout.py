"""Measures the same trials on more and more workers, as hyperopt did for SparkTrials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, over_workers, ratio
from benchmarks.spark.session import Session

QUESTION = "How much faster is a study on more workers?"
TARGET = "a speed-up of 28 or better on 32 workers"


@dataclass(frozen=True, slots=True)
class Size:
    """`trials` trials of `seconds` on each number of workers; SparkTrials from `peers_from` workers on."""

    trials: int
    seconds: float
    workers: tuple[int, ...]
    peers_from: int


FULL = Size(trials=128, seconds=4.0, workers=(32, 16, 8, 4, 2, 1), peers_from=8)
TINY = Size(trials=4, seconds=0.01, workers=(2, 1), peers_from=2)


def measure(size: Size, *, peers: bool) -> Findings:
    """Measure wall time against workers, beside the ideal and SparkTrials."""
    session = Session(max(size.workers))
    session.warm_up(slots=max(size.workers), seconds=size.seconds)
    rows = []
    for workers in size.workers:
        ideal_s = size.trials * size.seconds / workers
        shape: dict[str, Any] = {"trials": size.trials, "seconds": size.seconds, "parallelism": workers}
        ours_s, _ = session.study(**shape)
        theirs_s = session.spark_trials(**shape) if peers and workers >= size.peers_from else None
        alone_s = size.trials * size.seconds
        rows.append(
            (workers, ideal_s, ours_s, alone_s / ours_s, alone_s / ours_s / workers, theirs_s,
             ratio(alone_s, theirs_s))
        )  # fmt: skip
    session.close()

    def draw(axes: Any) -> None:
        workers = [row[0] for row in rows]
        axes.plot(workers, [row[1] for row in rows], "k--", label="ideal")
        axes.plot(workers, [row[2] for row in rows], "o-", label="sparktune")
        theirs = [(row[0], row[5]) for row in rows if row[5] is not None]
        if theirs:
            axes.plot(*zip(*theirs, strict=True), "s-", label="hyperopt's SparkTrials")
        over_workers(axes, workers, ylabel="seconds")

    return Findings(
        ("workers", "ideal s", "sparktune s", "speed-up", "efficiency", "SparkTrials s", "its speed-up"),
        rows,
        draw,
        [f"{size.trials} trials of {size.seconds:g} s; the speed-up is over all trials one after the other"],
    )
