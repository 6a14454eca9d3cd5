"""Retunings in a row without Spark: real samplers, records and journals, trials on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock
from tests.driver.world import raises

Play = Callable[[Call], Ending]


def noisy(optimum: float, *, noise: float = 0.01, **metrics: float) -> Play:
    """Play trials of one second whose loss is 1 + (x - optimum)^2, with noise from their seed."""

    def play(call: Call) -> Ending:
        luck = np.random.default_rng([call.trial.seed, int(1e6 * call.params["x"])]).normal(scale=noise)
        loss = 1 + (call.params["x"] - optimum) ** 2 + luck
        return Ending(1.0, reply=Reply(1.0, loss=loss, info=metrics))

    return play


@dataclass
class Weeks:
    """The studies of a task that is retuned every week, in one folder."""

    root: str
    clock: VirtualClock = field(default_factory=VirtualClock)
    calls: list[Call] = field(default_factory=list)  # of the last attempt

    @classmethod
    def within(cls, folder: Path) -> Weeks:
        return cls(f"memory://{folder}/churn/tune")  # a real disk would sync at every write

    def address(self, week: str) -> str:
        return f"{self.root}/{week}/g0"

    def run(self, week: str, play: Play = noisy(0.5), *, capacity: int = 4, **given: Any) -> Study:  # noqa: B008
        """Run an attempt at the study of a week, and return the study."""
        spec = Spec.of(
            **{
                "objective": "churn:loss",
                "space": {"x": {"uniform": [0, 1]}},
                "max_evals": 12,
                "seed": 3,
                "algo": "random",
                "champions": self.root,
                **given,
                "retuning": {"incumbent": "champion", **given.get("retuning", {})},
            }
        )
        self.calls = []

        def recorded(call: Call) -> Ending:
            self.calls.append(call)
            return play(call)

        engine = SimulatedEngine(self.clock, recorded, capacity=capacity)
        address = self.address(week)
        Attempt(SpecPlan(spec, engine), open_storage(address), address, clock=self.clock).run()
        return self.study(week)

    def study(self, week: str) -> Study:
        follower = read_study(self.address(week))
        assert follower.problems == []
        return follower.study

    def record(self, segment: str | None = None) -> Champions:
        return Champions(self.root, segment)

    def actions(self) -> list[Action]:
        return [entry.action for entry in self.record().history()]


def repeats(study: Study) -> list[Trial]:
    return [trial for trial in study.trials.values() if trial.purpose is TrialPurpose.CONFIRM]


def failing(after: Play, *, when: Callable[[Call], bool]) -> Play:
    """Play trials that raise if `when` returns true."""

    def play(call: Call) -> Ending:
        if when(call):
            return raises("ValueError: no such column")
        return after(call)

    return play
