"""The search measures whether trials are noisy, and then recommends the lowest expected loss."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from airflow_sparktune import space as ours
from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.gp.history import History
from airflow_sparktune.driver.samplers.gp.noise import Noise
from airflow_sparktune.study.trial import Trial, TrialState

PLANE = {"x": ours.uniform(-5, 5), "y": ours.uniform(-5, 5)}
Loss = Callable[[Mapping[str, Any]], float | None]


def bowl(params: Mapping[str, Any]) -> float:
    return float((params["x"] - 1.2) ** 2 + 2 * (params["y"] + 0.7) ** 2)


def noisy(deviation: float, seed: int = 3, loss: Callable[[Any], float] = bowl) -> Loss:
    chance = random.Random(seed)
    return lambda params: loss(params) + chance.gauss(0, deviation)


def search(
    loss: Loss, *, trials: int = 60, seed: int = 7, algo: str = "gp", space: Any = PLANE
) -> tuple[Sampler, list[Trial]]:
    """Run a study with one trial at a time; a loss of None is a failure."""
    sampler = sampler_of(space, algo)
    ended = []
    for number in range(trials):
        found = sampler.ask(number, seed=trial_seed(seed, number))
        trial = Trial(number=number, params=found.params, point=found.point, start=0.0, suggested_by=found.by)
        value = loss(trial.params)
        state = TrialState.FAILED if value is None else TrialState.OK
        ended.append(trial.ended(state, end=float(number), loss=value))
        sampler.tell(ended[-1])
    return sampler, ended


def random_trials(loss: Loss, *, seed: int, algo: str) -> tuple[Sampler, list[Trial]]:
    """Tell a sampler 60 random trials, and then eight repeats of the first."""
    sampler, chance, trials = sampler_of(PLANE, algo), random.Random(seed), []
    points = [{"x": chance.uniform(-5, 5), "y": chance.uniform(-5, 5)} for _ in range(60)]
    for number, point in enumerate([*points, *[points[0]] * 8]):
        trial = Trial(number=number, params=point, point=point)
        trials.append(trial.ended(TrialState.OK, end=float(number), loss=loss(point)))
        sampler.tell(trials[-1])
    return sampler, trials


def repeats(trials: list[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.suggested_by == "gp: repeat"]


def lowest(trials: list[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.rank)


class TestRepeats:
    def test_equal_losses_are_repeated_once(self) -> None:
        _, trials = search(bowl)
        (again,) = repeats(trials)
        assert again.point == lowest(trials[: again.number]).point

    def test_noise_is_repeated_up_to_eight_times(self) -> None:
        _, trials = search(noisy(1.0), trials=90)
        assert [len(repeats(trials[:count])) for count in (16, 17, 33, 90)] == [0, 1, 4, 8]

    def test_noise_that_cannot_matter_is_repeated_once(self) -> None:
        _, trials = search(noisy(1e-9))
        assert len(repeats(trials)) == 1

    def test_they_have_exactly_the_same_params(self) -> None:
        space = {"lr": ours.loguniform(1e-4, 1.0), "x": ours.normal(0, 1), "depth": ours.uniformint(1, 12)}
        chance = random.Random(5)
        _, trials = search(
            lambda params: abs(params["x"] - 2) + params["lr"] + chance.gauss(0, 0.5), trials=80, space=space
        )
        earlier = [trial.params for trial in trials if trial.suggested_by != "gp: repeat"]
        assert len(repeats(trials)) == 8
        assert all(trial.params in earlier for trial in repeats(trials))

    def test_a_given_point_beyond_the_range_of_the_process_is_no_noise(self) -> None:
        """The process clips a normal at three standard deviations, where the loss is another one."""
        sampler, trials = sampler_of({"x": ours.normal(0, 1)}, "gp"), []
        for number in range(40):
            found = sampler.given({"x": 5.0}) if number == 0 else sampler.ask(number, seed=number)
            trial = Trial(number=number, params=found.params, point=found.point, suggested_by=found.by)
            loss = (trial.params["x"] - 6) ** 2
            trials.append(trial.ended(TrialState.OK, end=float(number), loss=loss))
            sampler.tell(trials[-1])
        assert [trial.params["x"] for trial in repeats(trials)] == [5.0]
        assert sampler.recommend() is None

    @pytest.mark.parametrize("outlier", [50.0, 1e6, 1e300])
    def test_an_outlier_is_no_noise(self, outlier: float) -> None:
        """The first repeat returns a penalty for a failure."""
        seen: list[Any] = []

        def loss(params: Mapping[str, Any]) -> float:
            seen.append(params)
            return outlier if len(seen) == 17 else bowl(params)

        sampler, trials = search(loss)
        assert trials[16].suggested_by == "gp: repeat"
        assert 2 <= len(repeats(trials)) <= 5
        assert sampler.recommend() is None
        assert lowest(trials).loss < 0.01  # type: ignore[operator]

    def test_a_failed_repeat_is_the_last(self) -> None:
        seen: set[str] = set()

        def loss(params: Mapping[str, Any]) -> float | None:
            key = str(params)
            if key in seen:
                return None
            seen.add(key)
            return bowl(params)

        _, trials = search(loss)
        assert len(repeats(trials)) == 1

    def test_short_studies_have_none(self) -> None:
        _, trials = search(noisy(1.0), trials=16)
        assert not repeats(trials)


class TestRecommendation:
    def test_without_noise_there_is_none(self) -> None:
        sampler, _ = search(bowl)
        assert sampler.recommend() is None

    @pytest.mark.parametrize("algo", ["tpe", "random"])
    def test_other_algorithms_make_none(self, algo: str) -> None:
        sampler, _ = search(noisy(1.0), algo=algo)
        assert sampler.recommend() is None

    @pytest.mark.parametrize("algo", ["gp", "auto"])
    def test_it_is_better_than_the_luckiest_trial(self, algo: str) -> None:
        recommended, luckiest = [], []
        for seed in range(8):
            sampler, trials = random_trials(noisy(5.0, seed), seed=seed, algo=algo)
            found = sampler.recommend()
            assert found is not None
            assert 2.0 < found.noise < 8.0
            recommended.append(bowl(trials[found.number].params))
            luckiest.append(bowl(lowest(trials).params))
            assert abs(found.loss - recommended[-1]) < 5.0
        assert fmean(recommended) < 0.5 * fmean(luckiest)

    def test_it_does_not_depend_on_running_trials_or_earlier_states(self) -> None:
        sampler, trials = search(noisy(1.0))
        other = sampler_of(PLANE, "gp")
        for trial in trials:
            other.tell(replace(trial, state=TrialState.RUNNING, loss=None))
            other.tell(trial)
        other.tell(Trial(number=60, params={"x": 0.0, "y": 0.0}, point={"x": 0.0, "y": 0.0}, start=60.0))
        assert sampler.recommend() == other.recommend() is not None

    def test_it_is_the_first_successful_trial_of_its_configuration(self) -> None:
        sampler, trials = search(noisy(1.0), trials=40)
        found = sampler.recommend()
        assert found is not None
        best = trials[found.number]
        sampler.tell(
            Trial(number=40, params=best.params, point=best.point).ended(TrialState.FAILED, end=40.0)
        )
        same = [trial.number for trial in trials if trial.point == best.point]
        assert found.number == min(same)
        again = sampler.recommend()
        assert again is not None
        assert trials[again.number].state is TrialState.OK

    def test_a_space_of_one_configuration(self) -> None:
        sampler, _ = search(noisy(1.0, loss=lambda params: 0.0), trials=20, space={"a": ours.choice(["b"])})
        found = sampler.recommend()
        assert found is not None
        assert found.number == 0
        assert abs(found.loss) < 1.0

    def test_without_results_there_is_none(self) -> None:
        sampler = sampler_of(PLANE, "gp")
        assert sampler.recommend() is None
        point = {"x": 0.0, "y": 0.0}
        for number in range(3):
            sampler.tell(Trial(number=number, params=point, point=point).ended(TrialState.FAILED, end=1.0))
        assert sampler.recommend() is None

    def test_huge_losses(self) -> None:
        sampler, _ = search(lambda params: 1e300 * random.Random(str(params)).random(), trials=20)
        for number in (20, 21):
            point = {"x": 0.0, "y": 0.0}
            trial = Trial(number=number, params=point, point=point)
            sampler.tell(trial.ended(TrialState.OK, end=float(number), loss=-(10.0 ** (280 + number))))
        found = sampler.recommend()
        assert found is None or np.isfinite(found.loss)


def test_configurations_that_ran_once_say_nothing_about_the_noise() -> None:
    rows = np.array([[0.1], [0.2], [0.1], [0.3], [0.2]])
    history = History(rows, np.array([1.0, 2.0, 3.0, 9.0, np.nan]), rows[:1])
    assert history.noise == Noise(deviation=pytest.approx(math.sqrt(2)), degrees=1)
    assert history.repeats == 3
