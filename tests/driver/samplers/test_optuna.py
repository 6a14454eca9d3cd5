"""Optuna's samplers work with conditional spaces, running and failed trials, and are repeatable."""

from __future__ import annotations

import logging
import sys
from typing import Any

import optuna
import pytest

from airflow_sparktune import space as ours
from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.trial import Trial, TrialState
from tests.driver.samplers.test_hyperopt import EVERYTHING, INSIDE

BRANCHES = {
    "model": ours.choice(
        [
            {"kind": "svm", "C": ours.loguniform(1e-3, 1e3)},
            {
                "kind": "boost",
                "depth": ours.uniformint(1, 9),
                "booster": ours.choice(["tree", {"drop": ours.uniform(0, 1)}]),
            },
        ]
    )
}


def run(sampler: Sampler, trials: int, loss: Any) -> list[Trial]:
    """Run two trials at a time; a loss of None is a failure."""
    ended: list[Trial] = []
    running: list[Trial] = []
    for number in range(trials):
        point = sampler.ask(number, seed=trial_seed(3, number))
        trial = Trial(number=number, params=point.params, point=point.point)
        sampler.tell(trial)
        running.append(trial)
        if len(running) == 2:
            trial = running.pop(0)
            found = loss(trial.params)
            state = TrialState.FAILED if found is None else TrialState.OK
            ended.append(trial.ended(state, end=float(number), loss=found))
            sampler.tell(ended[-1])
    return ended + running


@pytest.mark.parametrize(
    "algo",
    [
        "optuna:TPESampler",
        "optuna:TPESampler(n_startup_trials=3, multivariate=True)",
        "optuna:RandomSampler()",
    ],
)
def test_every_distribution_gives_values_inside_its_bounds(algo: str) -> None:
    for trial in run(sampler_of(EVERYTHING, algo), 20, lambda params: params["uniform"]):
        for name, value in trial.params.items():
            assert INSIDE[name](value), (name, value)


def test_each_branch_has_its_own_parameters_and_the_better_one_is_found() -> None:
    def loss(params: Any) -> float | None:
        model = params["model"]
        if model["kind"] == "svm":
            return None if model["C"] > 100 else 5.0
        return abs(model["depth"] - 4) + (model["booster"] != "tree")

    trials = run(sampler_of(BRANCHES, "optuna:TPESampler"), 40, loss)
    shapes = {tuple(sorted(trial.params["model"])) for trial in trials}
    assert shapes == {("C", "kind"), ("booster", "depth", "kind")}
    assert min(trial.loss for trial in trials if trial.loss is not None) <= 1


def test_optuna_learns_from_a_pruned_trial_but_not_from_a_failed_one() -> None:
    sampler = sampler_of(BRANCHES, "optuna:TPESampler")
    for number, state in enumerate((TrialState.PRUNED, TrialState.FAILED, TrialState.OK)):
        trial = Trial(number=number, params=None, point=sampler.ask(number, seed=number).point)
        sampler.tell(trial)
        sampler.tell(trial.ended(state, end=1.0, loss=0.5 if state is TrialState.OK else None))
    sampler.ask(3, seed=3)
    ended = sampler._study.trials[:3]  # type: ignore[attr-defined]
    assert [each.state.name for each in ended] == ["PRUNED", "FAIL", "COMPLETE"]
    assert [each.value for each in ended] == [None, None, 0.5]


def test_a_resumed_study_suggests_the_same_points() -> None:
    sampler = sampler_of(EVERYTHING, "optuna:TPESampler(n_startup_trials=5)")
    trials = run(sampler, 25, lambda params: params["normal"])
    resumed = sampler_of(EVERYTHING, "optuna:TPESampler(n_startup_trials=5)")
    for trial in sorted(trials, key=lambda trial: trial.number):
        resumed.tell(trial)
    assert resumed.ask(25, seed=4) == sampler.ask(25, seed=4)


def test_optuna_knows_the_pending_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[optuna.trial.TrialState]] = []

    class Watching(optuna.samplers.RandomSampler):
        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            seen.append([item.state for item in study.get_trials() if item.number != trial.number])
            return super().infer_relative_search_space(study, trial)

    monkeypatch.setattr(optuna.samplers, "RandomSampler", Watching)
    run(sampler_of(BRANCHES, "optuna:RandomSampler"), 4, lambda _: None)
    states = optuna.trial.TrialState
    assert seen[3] == [states.FAIL, states.FAIL, states.RUNNING]


@pytest.mark.parametrize(
    ("algo", "message"),
    [
        ("optuna:TPESampel", "got 'TPESampel'; did you mean 'optuna:TPESampler'"),
        ("optuna:BaseSampler", "got 'BaseSampler'; did you mean"),
        ("optuna:create_study", "got 'create_study'; the samplers are BruteForceSampler, .*TPESampler"),
        ("optuna:TPESampler(20)", "plain keyword arguments"),
        ("optuna:TPESampler(gamma=len)", "plain keyword arguments"),
        ("optuna:TPESampler(**{'seed': 1})", "plain keyword arguments"),
        ("optuna:TPESampler(", "plain keyword arguments"),
        ("optuna:TPESampler(startups=20)", "unexpected keyword argument 'startups'"),
    ],
)
def test_an_invalid_sampler_is_rejected(algo: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        sampler_of(BRANCHES, algo)


@pytest.mark.parametrize(("sampler", "library"), [("GPSampler", "torch"), ("CmaEsSampler", "cmaes")])
def test_a_library_that_a_sampler_needs_is_missed_at_the_start(
    sampler: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optuna itself would fail once there are enough results."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SpecError, match=f"'optuna:{sampler}' needs {library}.*install it there"):
        sampler_of(BRANCHES, f"optuna:{sampler}")


def test_a_sampler_does_not_write_a_line_for_each_parameter(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """GPSampler does, for the parameters of branches; it needs torch, so another stands in for it."""

    class Chatty(optuna.samplers.RandomSampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            optuna.logging.get_logger("optuna.samplers").warning("%s is sampled independently", param_name)
            return super().sample_independent(study, trial, param_name, param_distribution)

    monkeypatch.setattr(optuna.samplers, "RandomSampler", Chatty)
    monkeypatch.setattr(logging.getLogger("optuna"), "propagate", True)
    run(sampler_of(BRANCHES, "optuna:RandomSampler"), 2, lambda _: 1.0)
    assert not caplog.records
