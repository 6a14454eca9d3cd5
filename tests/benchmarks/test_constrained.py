"""The contest within limits: its recorded problems, and what Optuna learns in it."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.recorded import RecordedSampler
from benchmarks.search.constrained.peer import ConstrainedOptuna
from benchmarks.search.constrained.recorded import REAL, recorded


@pytest.mark.parametrize("name", REAL.values())
def test_the_best_of_all_recorded_configurations_is_beyond_the_limit(name: str) -> None:
    task = recorded(name)
    assert task.points is not None
    space = SearchSpace.of(task.space)
    labels = [each.label for each in space.dimensions]
    points = [dict(zip(labels, point, strict=True)) for point in task.points.tolist()]
    found = [task.outcome(space.suggestion(point).params) for point in points]
    feasible = [loss for loss, (excess,) in found if excess <= 0]
    assert len(found) == 1_000
    assert len(feasible) == pytest.approx(333, abs=1)
    assert min(feasible) == task.best > min(loss for loss, _ in found)


def test_optuna_learns_the_configuration_that_ran_and_its_constraint() -> None:
    space = SearchSpace.of({"x": {"uniform": [0, 1]}})
    peer = ConstrainedOptuna(space)
    sampler = RecordedSampler(peer, space, np.array([[0.25], [0.75]]))
    for number in range(2):
        point = sampler.ask(number, seed=1).point
        trial = Trial(number=number, params=dict(point), point=point, start=0.0)
        sampler.tell(trial)
        excess = point["x"] - 0.5
        sampler.tell(trial.ended(TrialState.OK, end=1.0, run_s=1.0, loss=1.0, info={"c0": excess}))
    sampler.ask(2, seed=1)
    ended = peer._study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    learnt = {trial.params["x"]: list(trial.constraints.values()) for trial in ended}
    assert learnt == {0.25: [-0.25], 0.75: [0.25]}
