"""The Gaussian process prefers configurations that are cheap for what they promise, while there is time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from airflow_sparktune import space as ours
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Left, Suggestion
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.run_time import Pricing
from airflow_sparktune.driver.samplers.gp.space import encoded_space
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

SPACE = {"x": ours.uniform(0, 1), "size": ours.uniform(0, 1)}
Seconds = Callable[[Any], float]


def growing(params: Any) -> float:
    """Take 10 to 1,000 seconds."""
    return float(10.0 * 100.0 ** params["size"])


def ended(count: int, seconds: Seconds) -> list[Trial]:
    """Return trials whose loss depends on x alone."""
    space, found = sampler_of(SPACE, "random"), []
    for number in range(count):
        asked = space.ask(number, seed=number)
        trial = Trial(number=number, params=asked.params, point=asked.point, start=0.0)
        took = seconds(asked.params)
        found.append(trial.ended(TrialState.OK, end=took, run_s=took, loss=(asked.params["x"] - 0.4) ** 2))
    return found


def asked(trials: list[Trial], left: Left | None, *, algo: str = "gp", asks: int = 12) -> list[Suggestion]:
    """Return suggestions after these trials, each with another seed."""
    sampler: Any = sampler_of(SPACE, algo)
    if left is not None:
        sampler.prefer_cheap(lambda: left)
    for trial in trials:
        sampler.tell(trial)
    return [sampler.ask(len(trials), seed=seed) for seed in range(asks)]


def median_seconds(found: list[Suggestion]) -> float:
    return sorted(growing(each.params) for each in found)[len(found) // 2]


@pytest.mark.parametrize("algo", ["gp", "auto"])
def test_it_prefers_cheap_configurations_while_there_is_time(algo: str) -> None:
    trials = ended(14, growing)
    plain, begins = asked(trials, None, algo=algo), asked(trials, Left(1.0), algo=algo)
    assert median_seconds(begins) < 0.5 * median_seconds(plain)


def test_at_the_end_it_searches_by_loss_alone() -> None:
    trials = ended(14, growing)
    assert asked(trials, Left(0.0)) == asked(trials, None)


@pytest.mark.parametrize("chance", [0.0, 0.5])
def test_run_times_that_do_not_depend_on_the_configuration_change_nothing(chance: float) -> None:
    drawn = random.Random(3)
    trials = ended(14, lambda _: 60.0 * drawn.lognormvariate(0.0, chance))
    assert asked(trials, Left(1.0, 90.0)) == asked(trials, None)


def test_it_prefers_what_ends_before_the_study() -> None:
    trials = ended(14, growing)
    assert median_seconds(asked(trials, None)) > 200.0
    assert median_seconds(asked(trials, Left(0.0, seconds=50.0))) < 50.0


@pytest.mark.parametrize(
    ("state", "kind", "counts"),
    [
        (TrialState.PRUNED, None, True),
        (TrialState.FAILED, FailureKind.TIMEOUT, True),
        (TrialState.FAILED, FailureKind.RAISED, False),
    ],
)
def test_what_a_trial_took_counts_unless_it_failed_early(
    state: TrialState, kind: FailureKind | None, counts: bool
) -> None:
    error = None if kind is None else Failure(kind, "no")
    trials = [
        replace(each, state=state, loss=None, error=error, run_s=900.0) if each.params["size"] > 0.5 else each
        for each in ended(14, lambda _: 10.0)
    ]
    assert (asked(trials, Left(1.0)) != asked(trials, None)) is counts


def test_its_outlook_is_the_improvement_in_loss() -> None:
    trials = ended(14, growing)
    gains = [
        max(each.outlook.gain for each in asked(trials, left) if each.outlook)
        for left in (None, Left(1.0), Left(1.0, 20.0))
    ]
    assert gains == pytest.approx([gains[0]] * 3, rel=0.5)


@pytest.mark.parametrize(("trials", "depends", "fewest", "most"), [(8, 0.0, 0, 1), (24, 5.0, 27, 30)])
def test_chance_is_not_taken_for_a_dependence(trials: int, depends: float, fewest: int, most: int) -> None:
    space = encoded_space(SearchSpace.of(SPACE).columns)
    drawn, found = np.random.default_rng(0), 0
    for _ in range(30):
        rows = drawn.random((trials, 2))
        times = np.exp(3.0 + depends * rows[:, 1] + 0.5 * drawn.standard_normal(trials))
        history = History(rows, rows[:, 0], rows[:0], run_times=times, left=Left())
        found += Pricing(space).price(history) is not None
    assert fewest <= found <= most


def test_it_repeats_nothing_that_would_outlast_the_study() -> None:
    trials = ended(24, growing)
    best = min(trials, key=lambda trial: trial.loss or 0.0)
    seconds = growing(best.params)

    def methods(left: float) -> set[str | None]:
        return {each.by for each in asked(trials, Left(0.1, left), asks=3)}

    assert methods(2 * seconds) == {"gp: repeat"}
    assert "gp: repeat" not in methods(0.5 * seconds)
