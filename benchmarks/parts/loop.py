"""Measure the tuner's own time per trial as a study grows, on simulated slots with a real journal."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import LocalStorage, MemoryStorage, Storage
from airflow_sparktune.study.trial import Trial
from benchmarks.parts.counting import CountingStorage
from benchmarks.report import Findings
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock

QUESTION = "What does the tuner itself cost per trial, as a study grows?"
TARGET = (
    "with the journal in memory, a trial of the largest study costs at most 1.5 times one of the smallest; "
    "on disk at most 2 writes a trial, each of which waits for the disk"
)


@dataclass(frozen=True, slots=True)
class Size:
    """Run a study of each number of `trials` on `slots` slots."""

    trials: tuple[int, ...]
    slots: int


FULL = Size(trials=(1_000, 3_000, 10_000, 30_000, 100_000), slots=1_000)
TINY = Size(trials=(10, 20), slots=4)
# The journal's storage for a folder. On disk, each write waits for the disk; in memory (the default of
# SparkTrials), only the tuner's own time remains.
STORAGES: Mapping[str, Callable[[str], Storage]] = {"disk": LocalStorage, "memory": lambda _: MemoryStorage()}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a trial: milliseconds of the loop, those of the journal among them, and files written."""

    total_ms: float
    journal_ms: float
    writes: float


class FreeSampler:
    """Suggests points at no cost."""

    dimensions = ()

    def ask(self, number: int, *, seed: int) -> Suggestion:  # noqa: ARG002 - the protocol's
        return Suggestion({"x": number}, {"x": number})

    def tell(self, trial: Trial) -> None:
        """Do nothing."""

    def given(self, params: Any) -> Suggestion:
        return Suggestion(params, params)

    def recommend(self) -> None:
        """Leave it to the losses."""


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure the cost of a trial in studies of each size."""
    rows: list[tuple[Any, ...]] = []
    for place, storage in STORAGES.items():
        _study(size.trials[0], size.slots, storage)  # warms up
        first = None
        for trials in size.trials:
            cost = _study(trials, size.slots, storage)
            first = first or cost
            rest_ms = cost.total_ms - cost.journal_ms
            of_first = cost.total_ms / first.total_ms
            rows.append(
                (place, trials, cost.total_ms, cost.journal_ms, rest_ms, cost.writes,
                 cost.journal_ms / cost.writes, of_first)
            )  # fmt: skip

    def draw(axes: Any) -> None:
        for place in dict.fromkeys(row[0] for row in rows):
            line = [(trials, total_ms) for where, trials, total_ms, *_ in rows if where == place]
            axes.plot(*zip(*line, strict=True), "o-", label=f"the journal on {place}")
        axes.set(xlabel="trials", ylabel="ms per trial", xscale="log", yscale="log")

    columns = (
        "journal on", "trials", "ms per trial", "ms in journal", "ms elsewhere", "writes", "ms per write",
        "times the smallest",
    )  # fmt: skip
    note = (
        f"{size.slots} slots; each trial ends at a different moment, so that none shares a commit by chance"
    )
    return Findings(columns, rows, draw, [note])


def _study(trials: int, slots: int, make: Callable[[str], Storage]) -> Cost:
    clock, chance = VirtualClock(), random.Random(7)

    def play(call: Call) -> Ending:
        return Ending.ok(float(call.trial.number), after_s=chance.uniform(30, 90))

    spec = Spec.of(objective="benchmarks:none", space={"x": {"uniform": [0, 1]}}, max_evals=trials)
    with tempfile.TemporaryDirectory() as folder:
        storage = CountingStorage(make(folder))
        recorder = Recorder.open(
            storage, StudyFollower(storage), spec=spec, seed=7, dimensions=(), take_over=True, wall=clock
        )
        tuner = Tuner(
            recorder=recorder,
            sampler=FreeSampler(),
            lane=SimulatedLane(clock, play, capacity=slots),
            rules=StoppingRules(rules_of(spec), ran_s=recorder.elapsed_s, clock=clock),
            clock=clock,
        )
        start = time.monotonic()
        recorder.close(tuner.run())
        total_s = time.monotonic() - start
    each = 1000 / trials
    return Cost(total_s * each, recorder.watch.seconds["journal_s"] * each, storage.writes / trials)
