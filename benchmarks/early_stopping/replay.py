"""Replay a study on recorded curves: our own tuner, sampler and pruner over slots on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.base import Recommendation, Sampler, Suggestion
from airflow_sparktune.driver.samplers.gp.space import encoded_space
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import MemoryStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.early_stopping.recorded import problem, space_of
from benchmarks.early_stopping.tables import Array
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock

# What a sampler hears of a trial that has ended, given the study; None for nothing.
Lesson = Callable[[Trial, Study], Trial | None]
_LOOK_S = 1e6  # nothing changes between two events


@dataclass(frozen=True, slots=True)
class Ran:
    """A trial that has ended at `at_s` after `run_s`: its configuration, and whether it was pruned."""

    configuration: int
    at_s: float
    run_s: float
    pruned: bool


class RecordedSampler:
    """Suggests recorded configurations only: the one in `points` nearest to what `inner` suggests.

    Distances are those of `gp`, in the unit cube. No configuration is suggested twice, unless the sampler
    itself suggests one again. The sampler is told what ran, not what it suggested.
    """

    def __init__(
        self, inner: Sampler, space: SearchSpace, points: Array, lesson: Lesson | None = None
    ) -> None:
        self._inner = inner
        self._space = space
        self._lesson = lesson
        self.study = Study()
        labels = [each.label for each in space.dimensions]
        self._points = [dict(zip(labels, point, strict=True)) for point in points.tolist()]
        self._encoded = encoded_space(self._space.columns)
        self._features = self._encoded.features(
            np.array([self._encoded.encode(each) for each in self._points])
        )
        self._free = np.ones(len(self._points), bool)
        self.chosen: dict[int, int] = {}

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._inner.dimensions

    def ask(self, number: int, *, seed: int) -> Suggestion:
        asked = self._inner.ask(number, seed=seed)
        row = self._encoded.encode(asked.point)
        gaps = ((self._features - self._encoded.features(row[None])) ** 2).sum(axis=1)
        if gaps.min() > 1e-12:
            gaps = np.where(self._free, gaps, np.inf)
        found = self.chosen[number] = int(gaps.argmin())
        self._free[found] = False
        return self._space.suggestion(self._points[found], by=asked.by)

    def tell(self, trial: Trial) -> None:
        told = trial
        if trial.state is TrialState.PRUNED and self._lesson is not None:
            told = self._lesson(trial, self.study)
        if told is not None:
            self._inner.tell(told)

    def given(self, params: Any) -> Suggestion:
        return self._inner.given(params)

    def recommend(self) -> Recommendation | None:
        return None


def replay(
    name: str,
    algo: str,
    pruner: Pruner | None,
    *,
    slots: int,
    trials: int,
    seed: int,
    lesson: Lesson | None = None,
) -> list[Ran]:
    """Return what ran in a study of a problem, in the order in which the trials ended."""
    task, space, clock = problem(name), space_of(name), VirtualClock()
    sampler = RecordedSampler(over(space, algo), space, task.points, lesson)

    def play(call: Call) -> Ending:
        at = sampler.chosen[call.trial.number]
        after_s, curve = float(task.seconds[at]), task.curves[at].tolist()
        return Ending(after_s, reply=Reply(after_s, loss=curve[-1]), curve=curve)

    spec = Spec.of(objective="benchmarks:none", space=task.space, algo=algo, max_evals=trials, seed=seed)
    storage = MemoryStorage()
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=seed, dimensions=(), take_over=True, wall=clock
    )
    sampler.study = recorder.study
    began = clock()
    Tuner(
        recorder=recorder,
        sampler=sampler,
        lane=SimulatedLane(clock, play, capacity=slots, look_s=_LOOK_S),
        rules=StoppingRules(rules_of(spec), ran_s=0.0, clock=clock),
        pruner=pruner,
        clock=clock,
    ).run()
    ended = sorted(recorder.study.ended_trials, key=lambda trial: (trial.end, trial.number))
    return [
        Ran(sampler.chosen[each.number], each.end - began, each.run_s, each.state is TrialState.PRUNED)
        for each in ended
    ]
