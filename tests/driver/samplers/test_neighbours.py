"""Warm-start points are searched around, as long as the best trial comes from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from airflow_sparktune import space
from airflow_sparktune.driver.samplers import create
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.neighbours import NEIGHBOUR, NeighbourSampler
from airflow_sparktune.study.space import to_json
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialOrigin, TrialState
from airflow_sparktune.testing import SamplerSuite
from airflow_sparktune.testing.sampler import MakeSampler
from tests.driver.world import spec

NUMBERS = {"x": space.uniform(0, 1), "depth": space.uniformint(1, 9), "lr": space.loguniform(1e-4, 1.0)}
BEST = {"x": 0.9, "depth": 8, "lr": 1e-3}
EVERY_KIND = {
    "uniform": space.uniform(-1, 1),
    "loguniform": space.loguniform(1e-4, 1.0),
    "quniform": space.quniform(0, 10, 2),
    "qloguniform": space.qloguniform(2, 64, 2),
    "normal": space.normal(0, 2),
    "lognormal": space.lognormal(0, 1),
    "qnormal": space.qnormal(0, 5, 2),
    "qlognormal": space.qlognormal(0, 2, 1),
    "randint": space.randint(2, 12),
    "uniformint": space.uniformint(1, 5),
    "options": space.pchoice([(0.0, "never"), (0.25, "seldom"), (0.75, "often")]),
    "model": space.choice(["linear", {"trees": space.uniformint(1, 100)}]),
}
KEPT = {
    "uniform": 0.3, "loguniform": 0.01, "quniform": 10.0, "qloguniform": 2.0, "normal": -1.0,
    "lognormal": 2.0, "qnormal": 4.0, "qlognormal": 0.0, "randint": 11, "uniformint": 1, "options": "often",
    "model": {"trees": 50},
}  # fmt: skip


def tuned(tree: Mapping[str, Any] = NUMBERS, **given: Any) -> Sampler:
    return create(spec(space=to_json(tree), **{"algo": "tpe", "warm_start": "previous", **given}))


def told(sampler: Sampler, number: int, params: Any, loss: float | None, **given: Any) -> Trial:
    """Tell a sampler of a trial that has run with these params, or failed if it has no loss."""
    found = sampler.given(params)
    trial = Trial(number=number, params=params, point=found.point, **given)
    if loss is None:
        trial = trial.ended(TrialState.FAILED, end=1.0, error=Failure(FailureKind.RAISED, "bad"))
    else:
        trial = trial.ended(TrialState.OK, end=1.0, loss=loss)
    sampler.tell(trial)
    return trial


def warm(sampler: Sampler, params: Any = BEST) -> Sampler:
    told(sampler, 0, params, 0.5, origin=TrialOrigin.WARM_START)
    return sampler


class TestAsASampler(SamplerSuite):
    """The suite, with a first trial that is a warm-start point, so that neighbours are suggested."""

    @pytest.fixture
    def make_sampler(self) -> MakeSampler:
        class Warm(NeighbourSampler):
            def tell(self, trial: Trial) -> None:
                super().tell(trial if trial.number else replace(trial, origin=TrialOrigin.WARM_START))

        def make(tree: Any) -> Sampler:
            sampler = tuned(tree)
            assert isinstance(sampler, NeighbourSampler)
            return Warm(sampler.space, sampler._sampler, sampler._draws)

        return make


def test_every_second_suggestion_is_a_neighbour() -> None:
    sampler = warm(tuned())
    found = [sampler.ask(number, seed=number).by for number in range(1, 7)]
    assert found == ["tpe", NEIGHBOUR] * 3


def test_a_neighbour_is_near() -> None:
    """A number moves by at most a quarter of its range, or of the orders of magnitude; others stay."""
    sampler = warm(tuned())
    found = [sampler.ask(2, seed=seed).params for seed in range(100)]
    assert all(abs(params["x"] - 0.9) <= 0.25 for params in found)
    assert all(6 <= params["depth"] <= 9 for params in found)
    assert all(1e-4 <= params["lr"] <= 10**-2.2 for params in found)
    for name, value in BEST.items():
        same = [params[name] == pytest.approx(value) for params in found]
        assert 30 < sum(same) < 75


def test_every_kind_of_a_dimension_moves_within_its_bounds() -> None:
    """A choice gets only options that have a probability; one that has parameters of its own stays."""
    sampler = warm(tuned(EVERY_KIND), KEPT)
    found = [sampler.ask(2, seed=seed) for seed in range(300)]
    for suggestion in found:
        assert sampler.given(suggestion.params).params == suggestion.params
        assert set(suggestion.params["model"]) == {"trees"}
    values = {name: {str(each.params[name]) for each in found} for name in EVERY_KIND}
    assert values["options"] == {"seldom", "often"}
    assert all(len(seen) > 1 for seen in values.values())
    whole = ("quniform", "qloguniform", "qnormal")
    assert all(each.params[name] % 2 == 0 for name in whole for each in found)


def test_the_best_of_the_trials_counts_not_the_first() -> None:
    """A failed warm-start point and a worse one have no neighbours; a neighbour has."""
    sampler = tuned()
    told(sampler, 0, {**BEST, "x": 0.5}, 0.7, origin=TrialOrigin.WARM_START)
    told(sampler, 1, {**BEST, "x": 0.4}, None, origin=TrialOrigin.WARM_START)
    told(sampler, 2, {**BEST, "x": 0.0}, 0.3, suggested_by=NEIGHBOUR)
    suggestion = sampler.ask(4, seed=1)
    assert suggestion.by == NEIGHBOUR
    assert suggestion.params["x"] <= 0.25


def test_the_incumbent_has_neighbours() -> None:
    sampler = tuned()
    told(sampler, 0, BEST, 0.5, origin=TrialOrigin.INCUMBENT)
    assert sampler.ask(2, seed=1).by == NEIGHBOUR


def test_old_points_lose_their_influence_when_the_sampler_finds_a_better_one() -> None:
    """From then on the suggestions are those of the plain sampler."""
    plain, sampler = tuned(warm_start=None), warm(tuned())
    warm(plain)
    for each in (plain, sampler):
        told(each, 1, {**BEST, "x": 0.1}, 0.4, suggested_by="tpe")
    assert [sampler.ask(number, seed=7) for number in (2, 3, 4)] == [
        plain.ask(number, seed=7) for number in (2, 3, 4)
    ]


def test_a_configuration_that_has_run_is_not_suggested_again() -> None:
    """The sampler is asked when the neighbours of a small space have run."""
    sampler = warm(tuned({"depth": space.uniformint(1, 3)}), {"depth": 3})
    told(sampler, 1, {"depth": 2}, 0.8)
    assert {sampler.ask(2, seed=seed).by for seed in range(20)} == {"tpe"}


@pytest.mark.parametrize("given", [{"algo": "random"}, {"algo": "gp"}, {"warm_start": None}])
def test_only_a_warm_start_with_tpe_searches_neighbours(given: Mapping[str, Any]) -> None:
    assert not isinstance(tuned(**given), NeighbourSampler)
