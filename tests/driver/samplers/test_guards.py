"""Guardrails steer the search, and what they bar is no result."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.retuning.confirmation import nominate
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.errors import NoSuccess
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.one_sentence import one_sentence
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock

Objective = Callable[[Mapping[str, Any]], tuple[float, dict[str, Any]]]
# The lowest loss is at (1, 1), the lowest one with a size of at most 1 at (0.5, 0.5).
LARGE: dict[str, Any] = {"space": {"x": {"uniform": [0, 1]}, "y": {"uniform": [0, 1]}}, "seed": 3}
SMALL = {"guardrails": {"size": {"max": 1.0}}}


def large(params: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    return (1 - params["x"]) ** 2 + (1 - params["y"]) ** 2, {"size": params["x"] + params["y"]}


def run(folder: Path, objective: Objective = large, **given: Any) -> Study:
    spec = Spec.of(objective="m:f", **{**LARGE, "max_evals": 40, "algo": "gp", **given})

    def play(call: Call) -> Ending:
        loss, info = objective(call.params)
        return Ending(1.0, reply=Reply(1.0, loss=loss, info=info))

    address, clock = f"memory://{folder}/s/g0", VirtualClock()
    engine = SimulatedEngine(clock, play, capacity=1)
    try:
        Attempt(SpecPlan(spec, engine), open_storage(address), address, clock=clock).run()
    finally:
        study = read_study(address).study
    return study


def feasible(study: Study) -> list[Trial]:
    guards = Guards.of(study.spec.rule, study.searched)  # type: ignore[union-attr]
    return [trial for trial in study.searched if guards.hold(trial)]


def test_gp_finds_the_best_within_the_limits(tmp_path: Path) -> None:
    study = run(tmp_path, retuning=SMALL)
    assert summary(study).best_loss == pytest.approx(0.5, abs=1e-3)
    assert study.lowest is not None
    assert study.lowest.loss < 0.5  # type: ignore[operator]


def test_a_lower_loss_beyond_a_limit_is_no_gain(tmp_path: Path) -> None:
    """The first trial is the best within the limit, and each later one has a lower loss."""
    points = [{"x": 0.5, "y": 0.5}, *({"x": 0.9, "y": 0.5 + at / 20} for at in range(6))]
    study = run(tmp_path, points_to_evaluate=points, max_evals=7, retuning=SMALL)
    found = summary(study)
    assert (found.best_number, found.lowest_number) == (0, 6)
    assert "no gain in the last 6 trials" in str(one_sentence(study, found))


def test_gp_looks_for_a_feasible_trial_first(tmp_path: Path) -> None:
    """Less than one configuration in a thousand is small enough."""
    study = run(tmp_path, retuning={"guardrails": {"size": {"max": 0.04}}})
    assert summary(study).best_loss == pytest.approx(2 * 0.98**2, abs=1e-3)


def test_two_limits_on_both_sides_of_a_metric(tmp_path: Path) -> None:
    study = run(tmp_path, retuning={"guardrails": {"size": {"min": 0.5, "max": 0.55}}})
    assert summary(study).best_loss == pytest.approx(2 * (1 - 0.275) ** 2, abs=1e-3)


@pytest.mark.parametrize("algo", ["tpe", "auto", "hyperopt.tpe:suggest"])
def test_other_models_stay_within_the_limits_too(tmp_path: Path, algo: str) -> None:
    """Without the limit, nearly all of the last trials would be too large."""
    study = run(tmp_path, algo=algo, max_evals=80, retuning={"guardrails": {"size": {"max": 0.4}}})
    late = {trial.number for trial in feasible(study)} & set(range(40, 80))
    assert len(late) >= 10
    assert summary(study).best_loss == min(trial.loss for trial in feasible(study) if trial.loss is not None)


def test_a_relative_limit_is_known_once_the_incumbent_has_run(tmp_path: Path) -> None:
    rule = {"incumbent": {"x": 0.5, "y": 0.5}, "guardrails": {"size": {"max_rise": 0.2}}}
    study = run(tmp_path, retuning=rule)
    best = summary(study).best_params
    assert best["x"] + best["y"] == pytest.approx(1.2, abs=0.02)
    assert nominate(study, incumbent=None, top=1)[0] in feasible(study)


def test_an_algorithm_that_cannot_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        study = run(tmp_path, algo="random", retuning=SMALL)
    assert "retuning.guardrails steer no search of algo 'random', only its result" in caplog.text
    assert summary(study).best_number in {trial.number for trial in feasible(study)}


def test_a_study_without_a_feasible_trial_fails(tmp_path: Path) -> None:
    with pytest.raises(NoSuccess, match=r"none of 12 was; closest is trial \d+ with size \d") as found:
        run(tmp_path, max_evals=12, retuning={"guardrails": {"size": {"max": -1.0}}})
    assert "widen the guardrails or the space" in str(found.value)


def test_a_limit_on_the_loss_waits_for_a_feasible_trial(tmp_path: Path) -> None:
    study = run(tmp_path, limits={"loss_threshold": 0.6}, retuning=SMALL)
    assert study.closed is not None
    assert study.closed.reason is StopReason.LOSS_THRESHOLD
    assert 0.5 <= summary(study).best_loss <= 0.6  # type: ignore[operator]


def test_a_noisy_metric_is_judged_by_its_mean(tmp_path: Path) -> None:
    """Repeats of a configuration share one judgement, so that luck does not make it feasible."""
    chance = random.Random(5)

    def noisy(params: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        loss, info = large(params)
        return loss + chance.gauss(0, 0.05), {"size": info["size"] + chance.gauss(0, 0.02)}

    study = run(tmp_path, noisy, retuning=SMALL)
    assert study.recommended is not None
    assert study.best is not None
    assert study.best.params["x"] + study.best.params["y"] < 1.05
