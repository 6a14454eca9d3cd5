"""Measure the loop's own time per trial with many segments in one application, beside one large study."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.base import Patience, Work
from airflow_sparktune.driver.engines.shares import SharingEngine
from airflow_sparktune.driver.engines.threaded import ThreadedLane
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.segments.application import Application
from airflow_sparktune.driver.segments.plan import SegmentPlan
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.driver.termination import Termination
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from benchmarks.parts.loop import FreeSampler
from benchmarks.report import Findings

QUESTION = "What does the loop itself cost per trial, in one study and in a thousand segments?"
TARGET = "with segments at most 1.3 times the processor time per trial of studies that run alone"


@dataclass(frozen=True, slots=True)
class Size:
    """So many segments with `trials` each of `seconds` on `slots` simulated slots, and `alone` studies."""

    segments: int
    trials: int
    seconds: float
    slots: int
    alone: int


FULL = Size(segments=1_000, trials=10, seconds=0.1, slots=32, alone=40)
TINY = Size(segments=4, trials=3, seconds=0.001, slots=2, alone=1)


class SleepingEngine(SharingEngine):
    """Has slots whose trials sleep."""

    def __init__(self, size: Size, *, slots: int | None = None) -> None:
        super().__init__()
        self._slots = slots or size.slots
        self.size = size
        self.chance = random.Random(7)

    @property
    def slots(self) -> int:
        return self._slots

    def start(self) -> None:
        """Do nothing."""

    def describe(self) -> Mapping[str, str | None]:
        return {}

    def lane(self, work: Work) -> SleepingLane:
        return self.admit(SleepingLane(self, work))


class SleepingLane(ThreadedLane):
    """Runs trials that sleep."""

    _engine: SleepingEngine

    def prepare(self, patience: Patience) -> None:
        """Do nothing."""

    def _run(self, call: Call) -> Reply:
        # No two trials end at the same moment, and share a commit by chance.
        time.sleep(self._engine.size.seconds * self._engine.chance.uniform(0.5, 1.5))
        return Reply(self._engine.size.seconds, loss=float(call.trial.number))

    def _cancel(self, number: int) -> None:
        """Let the trial sleep."""


class FreePlan(SpecPlan):
    """A study whose suggestions cost nothing."""

    def sampler(self) -> Sampler:
        return FreeSampler()


class FreeSegment(SegmentPlan):
    """A segment whose suggestions cost nothing."""

    def sampler(self) -> Sampler:
        return FreeSampler()


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - there are no peers
    """Measure studies of a segment's size one after another, the segments, and one study of all trials."""
    rows: list[tuple[Any, ...]] = []
    for who, run, slots in (
        ("studies alone", _alone, 1),
        ("segments", _segments, size.slots),
        ("one large study", _one_study, size.slots),
    ):
        with tempfile.TemporaryDirectory() as folder:
            start, cpu_s = time.monotonic(), time.process_time()
            trials = run(folder, size)
            wall_s, cpu_s = time.monotonic() - start, time.process_time() - cpu_s
        each_ms = cpu_s / trials * 1000
        first_ms = rows[0][4] if rows else each_ms
        ideal_s = trials * size.seconds / slots
        rows.append((who, trials, slots, wall_s, each_ms, each_ms / first_ms, ideal_s / wall_s))

    def draw(axes: Any) -> None:
        axes.bar([row[0] for row in rows], [row[4] for row in rows])
        axes.set(ylabel="ms of processor time per trial")

    columns = ("who", "trials", "slots", "seconds", "ms a trial", "times alone", "of the ideal")
    note = f"{size.segments} segments on {size.slots} slots; at most {2 * size.slots} are open at once"
    return Findings(columns, rows, draw, [note])


def _spec(trials: int) -> Spec:
    return Spec.of(objective="benchmarks:none", space={"x": {"uniform": [0, 1]}}, max_evals=trials)


def _alone(folder: str, size: Size) -> int:
    """Run some of the studies one after another, each on a slot of its own; return the number of trials."""
    for index in range(size.alone):
        address = f"{folder}/{index}"
        plan = FreePlan(_spec(size.trials), SleepingEngine(size, slots=1))
        Attempt(plan, DeadlineStorage(open_storage(address)), address).run()
    return size.alone * size.trials


def _one_study(folder: str, size: Size) -> int:
    trials = size.segments * size.trials
    plan = FreePlan(_spec(trials), SleepingEngine(size))
    Attempt(plan, DeadlineStorage(open_storage(folder)), folder).run()
    return trials


def _segments(folder: str, size: Size) -> int:
    names = {f"s{index}": dict[str, Any]() for index in range(size.segments)}
    segments = Segments.of(_spec(size.trials), names)
    run = Application(segments, f"{folder}/g0", SleepingEngine(size), plan=FreeSegment)
    if not run.run(Termination()):
        raise RuntimeError("each segment must have a result")
    return size.segments * size.trials
