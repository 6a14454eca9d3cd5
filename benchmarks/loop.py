"""The tuner's own time per trial as a study grows: simulated slots on a virtual clock, a real journal."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.roles import Point
from airflow_sparktune.driver.simulated_slots import Ending, SimulatedSlots, VirtualClock
from airflow_sparktune.driver.tuner import Tuner
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Trial
from benchmarks.report import Findings

QUESTION = "What does the tuner itself cost per trial, as a study grows?"
TARGET = "flat: per trial at most 1.5 times from the smallest study to the largest"


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials, on so many slots."""

    trials: tuple[int, ...]
    slots: int


FULL = Size(trials=(1_000, 3_000, 10_000, 30_000, 100_000), slots=1_000)
TINY = Size(trials=(10, 20), slots=4)


class FreeSampler:
    """Points that cost nothing."""

    def ask(self, number: int, *, seed: int) -> Point:  # noqa: ARG002 - the role's signature
        return Point({"x": number}, {"x": number})

    def tell(self, trial: Trial) -> None:
        """Nothing is learned."""


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - only we have this loop
    """Milliseconds per trial: all of the loop, and how much of it is the journal."""
    _study(size.trials[0], size.slots)  # warms up
    found = {trials: _study(trials, size.slots) for trials in size.trials}
    first, _ = found[size.trials[0]]
    rows = [
        (trials, total, journal, total - journal, total / first) for trials, (total, journal) in found.items()
    ]

    def draw(axes: Any) -> None:
        axes.plot(
            list(found), [total for total, _ in found.values()], "o-", label="the loop, journal included"
        )
        axes.plot(list(found), [journal for _, journal in found.values()], "o-", label="of it the journal")
        axes.set(xlabel="trials", ylabel="ms per trial", xscale="log", ylim=(0, None))

    return Findings(
        ("trials", "ms per trial", "of it journal", "the rest", "of the smallest"),
        rows,
        draw,
        [f"{size.slots} slots; each trial ends at a moment of its own, so none shares its commit by chance"],
    )


def _study(trials: int, slots: int) -> tuple[float, float]:
    """Milliseconds per trial: the loop with its journal on disk, and the journal alone."""
    clock, chance = VirtualClock(), random.Random(7)

    def play(call: Call) -> Ending:
        return Ending.ok(float(call.trial.number), after_s=chance.uniform(30, 90))

    spec = Spec.of(objective="benchmarks:none", space={"x": {"uniform": [0, 1]}}, max_evals=trials)
    with tempfile.TemporaryDirectory() as folder:
        storage = open_storage(folder)
        recorder = Recorder.open(
            storage, StudyFollower(storage), spec=spec, seed=7, dimensions=(), take_over=True, wall=clock
        )
        tuner = Tuner(
            spec=spec,
            seed=7,
            recorder=recorder,
            sampler=FreeSampler(),
            slots=SimulatedSlots(clock, play, capacity=slots),
            clock=clock,
        )
        start = time.monotonic()
        recorder.close(tuner.run(), timing=tuner.timing)
        return (time.monotonic() - start) / trials * 1000, recorder.journal_s / trials * 1000
