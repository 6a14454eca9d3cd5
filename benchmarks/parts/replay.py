"""Measure how long it takes to open the journal of a large study, whose driver closed it or was killed."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, Storage
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.parts.counting import CountingStorage
from benchmarks.report import Findings, middle

QUESTION = "How long does it take to open a study?"
TARGET = "under 2 s with 10,000 trials, under 1 s with 1,000 trials of 100 reports"
SLOTS = 32


@dataclass(frozen=True, slots=True)
class Size:
    """Open a study of each number of trials with so many reports each, `repeats` times."""

    trials: tuple[tuple[int, int], ...]
    repeats: int


FULL = Size(trials=((100, 0), (1_000, 0), (10_000, 0), (1_000, 100)), repeats=5)
TINY = Size(trials=((10, 2),), repeats=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure the seconds and the requests."""
    rows = [_open(*each, closed, size.repeats) for closed in (True, False) for each in size.trials]

    def draw(axes: Any) -> None:
        for how in dict.fromkeys(row[1:3] for row in rows):
            line = [(row[0], row[3]) for row in rows if row[1:3] == how]
            axes.plot(*zip(*line, strict=True), "o-", label=f"{how[0]} reports each, {how[1]}")
        axes.set(xlabel="trials", ylabel="seconds", xscale="log", yscale="log")

    return Findings(("trials", "reports each", "its driver", "seconds", "requests"), rows, draw)


def _open(trials: int, reports: int, closed: bool, repeats: int) -> tuple[Any, ...]:
    with tempfile.TemporaryDirectory() as folder:
        write(LocalStorage(folder), trials, reports, closed=closed)
        seconds = []
        for _ in range(repeats):
            storage = CountingStorage(LocalStorage(folder))
            follower = StudyFollower(storage)
            start = time.monotonic()
            follower.refresh()
            seconds.append(time.monotonic() - start)
        if follower.study.finished != trials:
            raise RuntimeError(f"a journal of {trials} trials must hold them, got {follower.study.finished}")
    return (
        trials,
        reports,
        "closed the study" if closed else "was killed",
        middle(seconds),
        storage.requests,
    )


def write(storage: Storage, trials: int, reports: int, *, closed: bool) -> None:
    """Write a study as its driver does: trials as running, a write a second for all reports, then results."""
    spec = Spec.of(objective="benchmarks:none", space={"x": {"uniform": [0, 1]}}, max_evals=trials)
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=7, dimensions=(), take_over=True
    )
    for first in range(0, trials, SLOTS):
        together = [
            Trial(number=number, params={"x": number / trials}, point={"x": number / trials}, start=1.0)
            for number in range(first, min(first + SLOTS, trials))
        ]
        for trial in together:
            recorder.trial(trial)
            recorder.commit()
        for step in range(reports):
            loss = 1 / (1 + step)
            recorder.reports(tuple(TrialReports(trial.number, [step], [loss]) for trial in together))
            recorder.commit()
        for trial in together:
            recorder.trial(trial.ended(TrialState.OK, end=2.0, loss=float(trial.number), run_s=1.0))
            recorder.commit()
    if closed:
        recorder.close(StopReason.MAX_EVALS)
