"""Measure how long it takes to open the journal of a large study, whose driver closed it or was killed."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, Storage
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.parts.counting import CountingStorage
from benchmarks.report import Findings, middle

QUESTION = "How long does it take to open a study?"
TARGET = "under 2 s with 10,000 trials"


@dataclass(frozen=True, slots=True)
class Size:
    """Open a study of each number of `trials`, `repeats` times."""

    trials: tuple[int, ...]
    repeats: int


FULL = Size(trials=(100, 1_000, 10_000), repeats=5)
TINY = Size(trials=(10,), repeats=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure the seconds and the requests."""
    rows = [_open(trials, closed, size.repeats) for closed in (True, False) for trials in size.trials]

    def draw(axes: Any) -> None:
        for how in dict.fromkeys(row[1] for row in rows):
            line = [(row[0], row[2]) for row in rows if row[1] == how]
            axes.plot(*zip(*line, strict=True), "o-", label=how)
        axes.set(xlabel="trials", ylabel="seconds", xscale="log", yscale="log")

    return Findings(("trials", "its driver", "seconds", "requests"), rows, draw)


def _open(trials: int, closed: bool, repeats: int) -> tuple[Any, ...]:
    with tempfile.TemporaryDirectory() as folder:
        _write(LocalStorage(folder), trials, closed=closed)
        seconds = []
        for _ in range(repeats):
            storage = CountingStorage(LocalStorage(folder))
            follower = StudyFollower(storage)
            start = time.monotonic()
            follower.refresh()
            seconds.append(time.monotonic() - start)
        if follower.study.finished != trials:
            raise RuntimeError(f"a journal of {trials} trials must hold them, got {follower.study.finished}")
    return (trials, "closed the study" if closed else "was killed", middle(seconds), storage.requests)


def _write(storage: Storage, trials: int, *, closed: bool) -> None:
    """Write a study as its driver does: each trial first as running, then with its result."""
    spec = Spec.of(objective="benchmarks:none", space={"x": {"uniform": [0, 1]}}, max_evals=trials)
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=7, dimensions=(), take_over=True
    )
    for number in range(trials):
        trial = Trial(number=number, params={"x": number / trials}, point={"x": number / trials}, start=1.0)
        recorder.trial(trial)
        recorder.commit()
        recorder.trial(trial.ended(TrialState.OK, end=2.0, loss=float(number), run_s=1.0))
        recorder.commit()
    if closed:
        recorder.close(StopReason.MAX_EVALS)
