"""Synthetic studies for tests, written to the journal as a driver writes them."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.space import choice, loguniform, uniform, uniformint
from airflow_sparktune.study.space.dimensions import dimensions
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState
from tests.study.journal_samples import line

SPACE = {
    "lr": loguniform(1e-4, 1.0),
    "depth": uniformint(2, 12),
    "booster": choice(["gbtree", "dart", {"linear": {"l2": uniform(0, 2)}}]),
}
TRACEBACK = (
    'Traceback (most recent call last):\n  File "train.py", line 7, in loss\nValueError: matrix is singular'
)


class Writer:
    """A simulated driver: `open`, then `run` trials, then `close`."""

    def __init__(
        self, address: str, *, space: Any = SPACE, slots: int = 4, attempt: int = 1, seed: int = 7
    ) -> None:
        self.stream = StreamWriter(open_storage(address), attempt)
        self.space = spaces.parse(space)
        self.dimensions = dimensions(self.space)
        self.slots = slots
        self.now = time.time() - 60  # a driver that wrote recently
        self.reserved: float | None = None  # slot-seconds that the attempt has been charged
        self._random = random.Random(seed)

    def open(self, *, max_evals: int = 20, takes: list[list[Any]] | None = None, **limits: Any) -> None:
        spec = {"objective": "churn.train:loss", "space": spaces.to_json(self.space), "max_evals": max_evals}
        self.write(
            event="opened",
            attempt=self.stream.attempt,
            spec={**spec, **limits},
            seed=7,
            dimensions=[dimension.to_json() for dimension in self.dimensions],
            versions={"airflow_sparktune": "0.1.0"},
            host="driver-1",
            pid=1,
            takes=takes or [],
        )
        self.write(event="slots", slots=self.slots)

    def run(self, trials: int, *, first: int = 0, commit: bool = True) -> None:
        for running in self.trials(trials, first=first):
            self.put(running, commit=commit)
            self.now += 0.3
            self.put(self.ended(running), commit=commit)
        self.stream.commit()

    def trials(self, count: int, *, first: int = 0) -> Iterator[Trial]:
        for number in range(first, first + count):
            point = self._point()
            yield Trial(
                number=number,
                params=self._params(point),
                point=point,
                start=self.now,
                slot=number % self.slots,
                attempt=self.stream.attempt,
            )

    def ended(self, trial: Trial) -> Trial:
        if trial.number % 9 == 4:
            error = Failure(FailureKind.RAISED, "ValueError: matrix is singular", TRACEBACK)
            return trial.ended(TrialState.FAILED, end=self.now, run_s=0.25, error=error)
        if trial.number % 13 == 12:
            return trial.ended(TrialState.PRUNED, end=self.now, run_s=0.25)
        loss = sum((_squashed(value) - 0.4) ** 2 for value in trial.point.values()) + 0.01
        return trial.ended(TrialState.OK, end=self.now, run_s=0.25, loss=round(loss, 6))

    def put(self, trial: Trial, *, commit: bool = True) -> None:
        self.write(event="trial", trial=trial.to_json(), commit=commit)

    def report(self, number: int, steps: list[int], losses: list[float], *, commit: bool = True) -> None:
        self.write(event="reports", trials=[TrialReports(number, steps, losses).to_json()], commit=commit)

    def close(self, reason: str = "max_evals", **facts: Any) -> None:
        self.write(event="closed", reason=reason, **facts)

    def write(self, *, commit: bool = True, **event: Any) -> None:
        reserved = {} if self.reserved is None else {"reserved": self.reserved}
        self.stream.append_line(line({"at": self.now, **reserved, **event}))
        if commit:
            self.stream.commit()

    def _point(self) -> dict[str, float]:
        point: dict[str, float] = {}
        for dimension in self.dimensions:
            if dimension.parent and point.get(dimension.parent) != dimension.branch:
                continue
            if dimension.options:
                point[dimension.label] = self._random.randrange(len(dimension.options))
                continue
            low, high = dimension.low or 0, dimension.high or 1
            drawn = self._random.random()
            value = low * (high / low) ** drawn if dimension.log else low + drawn * (high - low)
            point[dimension.label] = round(value) if dimension.kind == "uniformint" else value
        return point

    def _params(self, point: dict[str, float]) -> dict[str, Any]:
        names = {dimension.label: dimension.options for dimension in self.dimensions}
        return {label: names[label][int(raw)] if names[label] else raw for label, raw in point.items()}


def _squashed(value: float) -> float:
    """Return a number between 0 and 1 for any parameter."""
    return abs(math.tanh(value / 3))


def live_study(address: str, *, trials: int, pause_s: float, slots: int = 3) -> None:
    """Write a study in real time with several trials at once, so that a page can watch it."""
    writer = Writer(address, slots=slots)
    writer.now = time.time()
    writer.open(max_evals=trials)
    running: list[Trial] = []
    for trial in writer.trials(trials):
        writer.now = time.time()
        if len(running) == slots:
            time.sleep(pause_s)
            writer.now = time.time()
            writer.put(writer.ended(running.pop(0)))
        running.append(replace(trial, start=writer.now))
        writer.put(running[-1])
    for trial in running:
        time.sleep(pause_s)
        writer.now = time.time()
        writer.put(writer.ended(trial))
    writer.close()
