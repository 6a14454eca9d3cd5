"""Measures the cost of a trial beyond its objective: an empty one, random search, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, middle
from benchmarks.spark.session import Session, span_s

QUESTION = "What does a trial cost beyond its objective?"
TARGET = "at most 1.3 times an empty single-task PySpark job in the same session"


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds of `trials` trials and as many empty jobs, taking turns."""

    rounds: int
    trials: int
    warm_up: int


FULL = Size(rounds=7, trials=100, warm_up=300)
TINY = Size(rounds=1, trials=2, warm_up=0)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - SparkTrials has no such mode
    """Measure milliseconds per trial, and their ratio to the floor."""
    session = Session(slots=2)
    session.empty_jobs(size.warm_up)
    session.study(algo="random", trials=size.trials, parallelism=1)
    rows = []
    for number in range(1, size.rounds + 1):
        before = session.empty_jobs(size.trials)
        _, study = session.study(algo="random", trials=size.trials, parallelism=1)
        after = session.empty_jobs(size.trials)
        floor_ms = (before + after) / 2 / size.trials * 1000
        trial_ms = span_s(study) / size.trials * 1000
        parts = (study.timing.get(part, 0.0) / size.trials * 1000 for part in ("ask_s", "journal_s"))
        rows.append((number, floor_ms, trial_ms, trial_ms / floor_ms, *parts))
    session.close()
    rows.append(("median", *(middle([row[at] for row in rows]) for at in range(1, 6))))

    def draw(axes: Any) -> None:
        rounds = [str(row[0]) for row in rows]
        axes.plot(rounds, [row[1] for row in rows], "o-", label="empty PySpark job (the floor)")
        axes.plot(rounds, [row[2] for row in rows], "o-", label="trial")
        axes.set(xlabel="round", ylabel="ms", ylim=(0, None))

    columns = ("round", "floor ms", "trial ms", "ratio", "of it ask ms", "journal ms")
    return Findings(columns, rows, draw)
