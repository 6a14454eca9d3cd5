"""A second fmin with the same object continues its trials, and the generator continues its sequence."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import STATUS_OK, Trials, fmin, hp, rand, tpe
from pyspark.sql import SparkSession

from airflow_sparktune import SparkTrials

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("spark")]

SPACE = {"x": hp.uniform("x", -5, 5)}


def bowl(params: dict[str, Any]) -> float:
    return params["x"] ** 2


def higher(params: dict[str, Any]) -> float:
    return params["x"] ** 2 + 1


def noted(params: dict[str, Any]) -> dict[str, Any]:
    return {"loss": params["x"], "status": STATUS_OK, "seen": {1, 2}, "attachments": {"model": b"m"}}


def seeded(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def minimise(trials: Trials, fn: Any = bowl, space: Any = SPACE, **given: Any) -> list[float]:
    """Run fmin and return the values of x that were tried."""
    settings = {"algo": rand.suggest, "rstate": seeded(), "show_progressbar": False, "verbose": False}
    fmin(fn, space, trials=trials, **(settings | given))
    return [float(doc["misc"]["vals"]["x"][0]) for doc in trials.trials]


@pytest.mark.parametrize(
    "other",
    [
        {"rstate": seeded(8)},
        {"algo": tpe.suggest},
        {"fn": higher},
        {"space": {"x": hp.uniform("x", -1, 1)}},
    ],
    ids=["seed", "algorithm", "objective", "space"],
)
def test_trials_are_kept_after_any_change(other: dict[str, Any]) -> None:
    trials = SparkTrials(parallelism=2)
    minimise(trials, max_evals=3)
    first = trials.losses()
    minimise(trials, max_evals=5, **other)
    assert trials.losses()[:3] == first
    assert trials.tids == [0, 1, 2, 3, 4]


def test_trials_outside_the_new_space_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    trials = SparkTrials(parallelism=1)
    start = {"x": hp.choice("x", ["a", "b", "c"])}
    minimise(trials, lambda p: 1.0, start, max_evals=8)
    few = {"x": hp.choice("x", ["a", "b"])}
    kept = [x for x in minimise(trials, lambda p: 2.0, few, max_evals=8) if x < 2]
    assert len(kept) == len(trials.trials) == 8
    assert 0 < trials.losses().count(1.0) < 8
    assert "earlier trials: their points are not in the current space" in caplog.text


def test_left_out_trials_leave_nothing_behind() -> None:
    trials = SparkTrials(parallelism=1)
    minimise(trials, noted, max_evals=2)
    minimise(trials, lambda p: p["y"], {"x": hp.uniform("x", 0, 1), "y": hp.uniform("y", 0, 1)}, max_evals=2)
    assert trials.attachments == {}
    assert trials.results == [{"loss": loss, "status": STATUS_OK} for loss in trials.losses()]


def test_two_searches_share_a_generator_as_in_hyperopt() -> None:
    theirs, ours = Trials(), SparkTrials(parallelism=1)
    for trials in (theirs, ours):
        generator = seeded()
        minimise(trials, rstate=generator, max_evals=3)
        minimise(trials, rstate=generator, max_evals=24, algo=tpe.suggest)
    assert ours.vals["x"] == pytest.approx(theirs.vals["x"])


@pytest.mark.parametrize("again", [False, True])
def test_two_searches_with_one_seed_are_the_same_study(again: bool) -> None:
    trials, generator = SparkTrials(parallelism=1), seeded()
    minimise(trials, rstate=generator, max_evals=3)
    found = minimise(trials, rstate=seeded() if again else generator, max_evals=6)
    assert found == minimise(SparkTrials(parallelism=1), max_evals=6)


@pytest.mark.parametrize("seed", [7, [1, 2]])
def test_an_ended_study_advances_the_generator_as_a_run_would(tmp_path: Path, seed: Any) -> None:
    def script(folder: Path, evals: int) -> list[float]:
        generator = np.random.default_rng(seed)
        minimise(SparkTrials(1, study=f"{folder}/a"), rstate=generator, max_evals=2)
        return minimise(SparkTrials(1, study=f"{folder}/b"), higher, rstate=generator, max_evals=evals)

    whole = script(tmp_path / "whole", 4)
    assert script(tmp_path / "cut", 2) == whole[:2]
    assert script(tmp_path / "cut", 4) == whole
    assert script(tmp_path / "cut", 4) == whole


def test_inserted_ended_trials_are_kept(tmp_path: Path) -> None:
    old = Trials()
    minimise(old, lambda p: {"loss": p["x"], "status": STATUS_OK, "seen": {1, 2}}, max_evals=3)
    for _ in ("first run", "second run"):
        trials = SparkTrials(1, study=str(tmp_path))
        trials.insert_trial_docs(old.trials)
        trials.refresh()
        minimise(trials, algo=tpe.suggest, max_evals=5)
        assert trials.tids == [0, 1, 2, 3, 4]
        assert trials.results[:3] == old.results


def test_inserted_trials_never_share_a_number() -> None:
    old, trials = Trials(), SparkTrials(parallelism=1)
    minimise(old, rstate=seeded(1), max_evals=2)
    first = minimise(trials, max_evals=2)
    trials.insert_trial_docs(old.trials)
    trials.refresh()
    assert minimise(trials, max_evals=4) == [*first, *old.vals["x"]]


def test_a_point_given_later_runs_next(tmp_path: Path) -> None:
    minimise(SparkTrials(1, study=str(tmp_path), points_to_evaluate=[{"x": 1.0}]), max_evals=2)
    points = [{"x": 1.0}, {"x": 2.0}]
    found = minimise(SparkTrials(1, study=str(tmp_path), points_to_evaluate=points), max_evals=4)
    assert (found[0], found[2], found.count(1.0), found.count(2.0)) == (1.0, 2.0, 1, 1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda trials: pickle.loads(pickle.dumps(trials))])
def test_a_copy_continues_the_trials_too(copied: Callable[[SparkTrials], SparkTrials]) -> None:
    trials = SparkTrials(parallelism=1, spark_session=SparkSession.getActiveSession())
    first = minimise(trials, max_evals=2)
    assert minimise(copied(trials), max_evals=3)[:2] == first
