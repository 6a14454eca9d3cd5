"""Measures the best loss that more workers find within the same time, as hyperopt did for SparkTrials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.report import Findings, middle, over_workers
from benchmarks.spark.loess import loess
from benchmarks.spark.session import Session

QUESTION = "What do more workers find within the same time?"
TARGET = "a trend that falls with the workers"


@dataclass(frozen=True, slots=True)
class Size:
    """`repeats` studies of `timeout` seconds on each number of workers, trials of `seconds` or others."""

    timeout: float
    workers: tuple[int, ...]
    repeats: int
    seconds: float = 0.0
    trial: Mapping[str, Any] = field(default_factory=dict)  # fields of the spec

    @property
    def what(self) -> dict[str, Any]:
        """The trials, as `Session.study` takes them."""
        return {"seconds": self.seconds, **self.trial}


FULL = Size(timeout=6.0, seconds=0.5, workers=(1, 2, 4, 8, 16, 32), repeats=5)
TINY = Size(timeout=2.0, seconds=0.05, workers=(1, 2), repeats=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - SparkTrials needs most of it to start
    """Measure the best loss of each run, against workers."""
    session = Session(max(size.workers))
    points = [
        (workers, *_best(session, size, workers, seed=seed))
        for seed in range(size.repeats)
        for workers in size.workers
    ]
    session.close()
    trend = _trend(points, size.workers)
    rows = []
    for workers, height in zip(size.workers, trend, strict=True):
        losses = [loss for each, loss, _ in points if each == workers]
        trials = [count for each, _, count in points if each == workers]
        rows.append((workers, middle(trials), min(losses), middle(losses), max(losses), float(height)))

    def draw(axes: Any) -> None:
        axes.plot(
            [each for each, *_ in points], [loss for _, loss, _ in points], "o", alpha=0.5, label="a study"
        )
        fine = np.geomspace(min(size.workers), max(size.workers), 50)
        axes.plot(fine, _trend(points, fine), label="LOESS trend")
        over_workers(axes, size.workers, ylabel="best loss")

    columns = ("workers", "trials", "lowest loss", "median", "highest", "LOESS trend")
    trials = "real trainings" if size.trial else f"trials of {size.seconds:g} s"
    return Findings(columns, rows, draw, [f"{size.timeout:g} s a study, {trials}, TPE"])


def _best(session: Session, size: Size, workers: int, *, seed: int) -> tuple[float, int]:
    """Run one study; returns its best loss and how many trials it finished."""
    # The end of the previous study cancelled its running trials, and so ended their workers.
    session.study(**size.what, trials=2 * workers, parallelism=workers)
    _, study = session.study(**size.what, trials=10_000, timeout=size.timeout, parallelism=workers, seed=seed)
    if study.best is None or study.best.loss is None:
        raise RuntimeError(f"a study of {size.timeout} s must finish a trial; raise the timeout")
    return study.best.loss, study.finished


def _trend(points: list[tuple[int, float, int]], at: Any) -> Any:
    """The LOESS trend of the loss over the workers, both as logarithms (both are positive)."""
    workers, losses, _ = zip(*points, strict=True)
    return np.exp(loess(np.log2(workers), np.log(losses), np.log2(at), span=1.0))
