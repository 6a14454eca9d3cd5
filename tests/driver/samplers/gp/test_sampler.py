"""The Gaussian process suggests good points, and the same points for the same history."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp
from hyperopt.base import Domain

import airflow_sparktune.gp
from airflow_sparktune import space as ours
from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.study.trial import Trial, TrialState

PLANE = {"x": ours.uniform(-5, 5), "y": ours.uniform(-5, 5)}
MIXED = {
    "lr": ours.loguniform(1e-4, 1.0),
    "depth": ours.uniformint(1, 12),
    "model": ours.choice([{"kind": "a", "C": ours.uniform(0, 1)}, {"kind": "b", "n": ours.normal(0, 2)}]),
}


def bowl(params: Mapping[str, Any]) -> float:
    return float((params["x"] - 1.2) ** 2 + 2 * (params["y"] + 0.7) ** 2)


def run(
    space: Any,
    loss: Callable[[Any], float | None],
    *,
    trials: int,
    slots: int = 1,
    algo: str = "gp",
    seed: int = 7,
) -> tuple[Sampler, list[Trial]]:
    """Run a study whose trials end in a shuffled order; a loss of None is a failure."""
    sampler, chance = sampler_of(space, algo), random.Random(5)
    running: list[Trial] = []
    ended: list[Trial] = []
    for number in range(trials):
        point = sampler.ask(number, seed=trial_seed(seed, number))
        trial = Trial(
            number=number, params=point.params, point=point.point, start=float(number), suggested_by=point.by
        )
        sampler.tell(trial)
        running.append(trial)
        if len(running) == slots:
            trial = running.pop(chance.randrange(slots))
            found = loss(trial.params)
            state = TrialState.FAILED if found is None else TrialState.OK
            ended.append(trial.ended(state, end=number + 0.5, loss=found))
            sampler.tell(ended[-1])
    return sampler, ended + running


def outer_share(values: Any) -> float:
    """Return the share of values in the outer tenths of [0, 1]."""
    return float(((values < 0.1) | (values > 0.9)).mean())


def nearest(points: Any) -> float:
    """Return the mean distance from a point to the nearest other one."""
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return float(gaps.min(axis=1).mean())


def lowest(trials: list[Trial]) -> float:
    return min(trial.loss for trial in trials if trial.loss is not None)


class TestSearch:
    def test_it_finds_the_bottom_of_a_bowl(self) -> None:
        _, trials = run(PLANE, bowl, trials=30)
        assert lowest(trials) < 1e-3

    def test_it_says_what_it_expects_to_gain(self) -> None:
        """Draws at the start and repeats have no outlook; the hope fades as the bottom is found."""
        sampler = sampler_of(PLANE, "gp")
        gains: dict[str, list[float | None]] = {}
        for number in range(40):
            found = sampler.ask(number, seed=trial_seed(7, number))
            gains.setdefault(str(found.by), []).append(found.outlook and found.outlook.gain)
            trial = Trial(number=number, params=found.params, point=found.point)
            sampler.tell(trial.ended(TrialState.OK, end=0.5, loss=bowl(found.params)))
        assert set(gains["gp: start"] + gains["gp: repeat"]) == {None}
        hopes = [gain for gain in gains["gp"] if gain is not None]
        assert len(hopes) == len(gains["gp"])
        assert max(hopes[-5:]) < 1e-3 * max(hopes[:5])

    def test_in_parallel_too(self) -> None:
        _, trials = run(PLANE, bowl, trials=45, slots=8)
        assert lowest(trials) < 1e-2

    def test_the_start_prefers_the_centre_and_reaches_the_bounds(self) -> None:
        space = {f"x{at}": ours.uniform(0, 1) for at in range(6)}
        _, trials = run(space, lambda params: 0.0, trials=64, slots=64)
        values = np.array([list(trial.params.values()) for trial in trials])
        assert 0 < outer_share(values) < 0.15

    def test_the_start_is_spread_out(self) -> None:
        space = {f"x{at}": ours.uniform(0, 1) for at in range(3)}
        _, trials = run(space, lambda params: 0.0, trials=48, slots=48)
        chance = np.random.default_rng(3)
        drawn = 0.5 + chance.uniform(size=(48, 1)) * (chance.uniform(size=(48, 3)) - 0.5)
        started = np.array([list(trial.params.values()) for trial in trials])
        assert nearest(started) > 1.3 * nearest(drawn)

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("most", [6, 20])
    def test_the_start_repeats_no_integer_while_others_are_left(self, most: int, seed: int) -> None:
        space = {"n": ours.uniformint(0, most)}
        _, trials = run(space, lambda params: 0.0, trials=most + 1, slots=most + 1, seed=seed)
        assert sorted(trial.params["n"] for trial in trials) == list(range(most + 1))

    @pytest.mark.parametrize("seed", range(5))
    def test_the_start_covers_a_short_range_of_integers(self, seed: int) -> None:
        space = {"n": ours.uniformint(0, 2), "x": ours.uniform(0, 1), "y": ours.uniform(0, 1)}
        _, trials = run(space, lambda params: 0.0, trials=8, slots=8, seed=seed)
        assert {trial.params["n"] for trial in trials} == {0, 1, 2}

    @pytest.mark.parametrize("seed", range(5))
    def test_the_start_repeats_no_given_point(self, seed: int) -> None:
        """A given 0.3 differs by rounding from the grid's 3 * 0.1."""
        sampler = sampler_of({"x": ours.quniform(0, 1, 0.1)}, "gp")
        given = [0.3, 0.4, 0.5, 0.6, 0.7]
        for number, x in enumerate(given):
            point = sampler.given({"x": x})
            sampler.tell(Trial(number=number, params=point.params, point=point.point, start=float(number)))
        assert round(sampler.ask(5, seed=seed).params["x"], 9) not in given

    def test_trials_that_run_at_once_differ(self) -> None:
        _, trials = run(PLANE, bowl, trials=60, slots=16)
        new = [trial for trial in trials if trial.suggested_by != "gp: repeat"]
        points = np.array([[trial.params["x"], trial.params["y"]] for trial in new])
        gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
        assert gaps[np.triu_indices(len(points), 1)].min() > 1e-6

    def test_it_finds_the_better_branch_and_its_parameters(self) -> None:
        def loss(params: Any) -> float:
            model, off = params["model"], np.log10(params["lr"] / 0.01) ** 2 + (params["depth"] - 7) ** 2
            own = abs(model["C"] - 0.8) if model["kind"] == "a" else 0.3 + abs(model["n"] - 1)
            return float(0.1 * off + own)

        _, trials = run(MIXED, loss, trials=60, slots=4)
        assert lowest(trials) < 0.1

    def test_the_first_trials_of_a_branch_prefer_the_centre_too(self) -> None:
        kinds = [{"kind": at, "a": ours.uniform(0, 1), "b": ours.uniform(0, 1)} for at in range(12)]
        first = []
        for seed in range(6):
            _, trials = run(
                {"model": ours.choice(kinds)}, lambda params: params["model"]["kind"], trials=40, seed=seed
            )
            first += [trial.params["model"] for trial in trials[13:] if trial.suggested_by == "gp: branch"]
        values = np.array([[each["a"], each["b"]] for each in first])
        assert 0 < outer_share(values) < 0.2

    def test_a_branch_that_looks_worse_is_tuned_too(self) -> None:
        """The better branch looks worse until four of its parameters fit, but it is tuned too."""
        rest = {name: ours.uniform(0, 1) for name in "pqrs"}
        space = {"m": ours.choice([{"a": ours.uniform(0, 1)}, rest])}

        def loss(params: Any) -> float:
            model = params["m"]
            if "a" in model:
                return float(0.1 + (model["a"] - 0.4) ** 2)
            return float(sum((value - 0.8) ** 2 for value in model.values()))

        _, trials = run(space, loss, trials=100)
        best = min(trials, key=lambda trial: float("inf") if trial.loss is None else trial.loss)
        assert best.loss is not None
        assert best.loss < 0.1
        found = {trial.suggested_by for trial in trials} - {"gp: repeat", "gp: tpe"}
        assert found == {"gp: start", "gp", "gp: branch"}
        assert [trial.suggested_by for trial in trials[:6]] == ["gp: start"] * 6

    def test_a_narrow_optimum_in_one_of_many_branches_is_found(self) -> None:
        """Seven of eight branches look better until the trials are close to the optimum of the other one."""
        space = {
            "m": ours.choice(
                [{"leaf": leaf, "a": ours.uniform(0, 1), "b": ours.uniform(0, 1)} for leaf in range(8)]
            )
        }

        def loss(params: Any) -> float:
            leaf, off = params["m"]["leaf"], (params["m"]["a"] - 0.2) ** 2 + (params["m"]["b"] - 0.7) ** 2
            return float(5 * off if leaf == 5 else 0.2 + 0.02 * leaf + 0.3 * off)

        _, trials = run(space, loss, trials=100)
        assert lowest(trials) < 0.1

    def test_a_branch_that_fails_always_is_given_up(self) -> None:
        space = {"m": ours.choice([{"leaf": leaf, "a": ours.uniform(0, 1)} for leaf in range(4)])}

        def loss(params: Any) -> float | None:
            leaf = params["m"]["leaf"]
            return None if leaf == 2 else float(0.1 * leaf + (params["m"]["a"] - 0.3) ** 2)

        _, trials = run(space, loss, trials=90)
        assert sum(trial.params["m"]["leaf"] == 2 for trial in trials[45:]) <= 2

    @pytest.mark.parametrize("noise", [1e-9, 1e-15])
    def test_a_branch_whose_losses_differ_only_by_rounding(self, noise: float) -> None:
        space = {"m": ours.choice([{"a": ours.uniform(0, 1)}, {"b": ours.uniform(0, 1)}])}

        def loss(params: Any) -> float:
            model = params["m"]
            return float(0.1 + (model["a"] - 0.3) ** 2 if "a" in model else 0.693 + noise * model["b"])

        _, trials = run(space, loss, trials=60)
        assert lowest(trials) < 0.101

    def test_normals_are_searched_by_their_quantiles(self) -> None:
        space = {"n": ours.normal(10, 3), "l": ours.lognormal(0, 1), "q": ours.qnormal(0, 5, 2)}

        def loss(params: Any) -> float:
            return float((params["n"] - 8) ** 2 + np.log(params["l"] / 2) ** 2 + abs(params["q"] - 4))

        _, trials = run(space, loss, trials=40)
        assert lowest(trials) < 0.1


class TestHistory:
    def test_a_resumed_study_goes_on_as_it_would_have(self) -> None:
        """The sampler is told each trial once: first those that ended, in the order of their ends."""
        for count in (9, 37, 70):
            sampler, trials = run(MIXED, lambda params: params["lr"], trials=count, slots=5)
            resumed = sampler_of(MIXED, "gp")
            for trial in trials:
                resumed.tell(trial)
            assert resumed.ask(count, seed=3) == sampler.ask(count, seed=3)

    def test_fmin_and_a_study_say_the_same(self) -> None:
        space = {"x": hp.uniform("x", -5, 5), "y": hp.choice("y", [0, hp.normal("n", 0, 1)])}
        trials = Trials()

        def loss(params: Any) -> dict[str, Any]:
            return {"loss": abs(params["x"] - params["y"]), "status": STATUS_OK}

        fmin(
            loss, space, algo=airflow_sparktune.gp.suggest, max_evals=15, trials=trials,
            rstate=np.random.default_rng(0), show_progressbar=False,
        )  # fmt: skip
        domain = Domain(None, space)
        sampler = HyperoptSampler(
            SearchSpace(domain, read_dimensions(domain.expr)), airflow_sparktune.gp.suggest
        )
        for doc in trials.trials:
            point = {label: values[0] for label, values in doc["misc"]["vals"].items() if values}
            trial = Trial(number=doc["tid"], params=None, point=point)
            sampler.tell(trial.ended(TrialState.OK, end=float(doc["tid"]), loss=doc["result"]["loss"]))
        (doc,) = airflow_sparktune.gp.suggest([15], Domain(None, space), trials, 9)
        found = {label: values[0] for label, values in doc["misc"]["vals"].items() if values}
        assert sampler.ask(15, seed=9).point == found

    def test_it_is_there_after_a_plain_import(self) -> None:
        code = "import airflow_sparktune; airflow_sparktune.gp.suggest"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_values_of_fmins_space_may_be_any_objects(self) -> None:
        domain = Domain(None, hp.choice("x", [object(), object()]))
        (doc,) = airflow_sparktune.gp.suggest([0], domain, Trials(), 5)
        assert doc["misc"]["vals"]["x"][0] in (0, 1)

    def test_a_search_that_is_over_is_freed(self) -> None:
        domain = Domain(None, hp.uniform("x", 0, 1))
        airflow_sparktune.gp.suggest([0], domain, Trials(), 5)
        freed = weakref.ref(domain)
        del domain
        gc.collect()
        assert freed() is None

    def test_several_at_once_differ(self) -> None:
        domain, trials = Domain(None, hp.uniform("x", 0, 1)), Trials()
        docs = airflow_sparktune.gp.suggest([0, 1, 2], domain, trials, 5)
        assert len({doc["misc"]["vals"]["x"][0] for doc in docs}) == 3
        assert [doc["tid"] for doc in docs] == [0, 1, 2]

    def test_failures_of_fmin(self) -> None:
        def loss(x: float) -> dict[str, Any]:
            return {"status": STATUS_FAIL} if x < 0 else {"status": STATUS_OK, "loss": x}

        best = fmin(
            loss, hp.uniform("x", -1, 1), algo=airflow_sparktune.gp.suggest, max_evals=30,
            rstate=np.random.default_rng(0), show_progressbar=False,
        )  # fmt: skip
        assert 0 <= best["x"] < 0.05


class TestHardHistories:
    @pytest.mark.parametrize(
        "loss",
        [
            lambda params: None,
            lambda params: 1.0,
            lambda params: None if params["x"] < 4.5 else 1.0,
            lambda params: 1e300 * params["x"],
            lambda params: 1e-300 * params["x"],
            lambda params: 1e9 + 1e-6 * params["x"],
            lambda params: float(params["x"] > 0),
            lambda params: random.Random(str(params)).random(),
        ],
        ids=["failures", "equal", "few", "huge", "tiny", "offset", "two values", "noise"],
    )
    def test_losses_of_any_kind(self, loss: Callable[[Any], float | None]) -> None:
        _, trials = run(PLANE, loss, trials=40, slots=3)
        assert all(-5 <= trial.params["x"] <= 5 for trial in trials)

    def test_no_point_twice_while_there_are_new_ones(self) -> None:
        space = {"a": ours.uniformint(1, 5), "b": ours.choice(["x", "y", "z"]), "c": ours.randint(0, 2)}
        _, trials = run(space, lambda params: params["a"] + 0.1 * params["c"], trials=31, slots=4)
        new = [trial for trial in trials if trial.suggested_by != "gp: repeat"]
        assert len({str(trial.params) for trial in new}) == len(new) == 30

    def test_an_exhausted_space_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        _, trials = run({"a": ours.uniformint(1, 8)}, lambda params: (params["a"] - 3) ** 2, trials=20)
        assert {trial.params["a"] for trial in trials} == set(range(1, 9))
        assert caplog.text.count("no new configuration is left after 8") == 1

    def test_where_repeats_differ_the_best_is_measured_again(self, caplog: pytest.LogCaptureFixture) -> None:
        chance = random.Random(3)
        _, trials = run(
            {"a": ours.uniformint(1, 8)},
            lambda params: abs(params["a"] - 3) + chance.gauss(0, 0.1),
            trials=40,
        )
        asked = [trial.params["a"] for trial in trials]
        assert max(asked, key=asked.count) == 3
        assert "no new configuration is left" not in caplog.text

    def test_a_hundred_parameters(self) -> None:
        space = {f"x{at}": ours.uniform(0, 1) for at in range(100)}
        _, trials = run(space, lambda params: (params["x0"] - 0.5) ** 2, trials=20, slots=4)
        assert len(trials[-1].params) == 100

    def test_more_results_than_the_process_can_take_in(self) -> None:
        sampler, blind = sampler_of(PLANE, "gp"), sampler_of(PLANE, "random")
        for number in range(700):
            point = blind.ask(number, seed=number)
            trial = Trial(number=number, params=point.params, point=point.point)
            sampler.tell(trial.ended(TrialState.OK, end=float(number), loss=bowl(point.params)))
        assert sampler.ask(700, seed=0).by == "gp: repeat"
        sampler.tell(replace(trial, number=700).ended(TrialState.OK, end=700.0, loss=bowl(point.params)))
        found = [bowl(sampler.ask(701, seed=seed).params) for seed in range(5)]
        assert min(found) < 0.01
