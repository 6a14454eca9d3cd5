"""Conformance tests of a sampler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_sparktune import space
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

if TYPE_CHECKING:
    from airflow_sparktune.driver.samplers.search_space import SearchSpace

MakeSampler = Callable[["SearchSpace"], Sampler]

SPACE: Mapping[str, Any] = {
    "lr": space.loguniform(1e-4, 1.0),
    "depth": space.uniformint(2, 12),
    "model": space.choice(["svm", {"boost": {"rounds": space.quniform(10, 100, 10)}}]),
}
_FAILURE = Failure(FailureKind.RAISED, "ValueError: bad")
_ENDS = (TrialState.OK, TrialState.OK, TrialState.OK, TrialState.FAILED, TrialState.PRUNED)


class SamplerSuite:
    """Tests that a sampler can run a search.

    A sampler supplies one fixture, `make_sampler`: its class, or a function that returns a new sampler for a
    SearchSpace. A sampler that draws random numbers must use the seed passed to `ask`::

        class TestMySampler(SamplerSuite):
            @pytest.fixture
            def make_sampler(self):
                return MySampler
    """

    def test_it_knows_its_dimensions(self, make_sampler: MakeSampler) -> None:
        """There is a row for each label; a dimension in a branch has its parent."""
        rows = {row.label: row for row in make_sampler(_space()).dimensions}
        assert len(rows) == 4
        assert sum(row.parent is not None for row in rows.values()) == 1
        for row in rows.values():
            json.dumps(row.to_json(), allow_nan=False)

    def test_suggestions_lie_in_the_space(self, make_sampler: MakeSampler) -> None:
        """Each suggestion is plain JSON, within bounds, and has a number for each active label."""
        sampler = make_sampler(_space())
        labels = {row.label: row for row in sampler.dimensions}
        for trial in search(sampler, 30):
            assert json.loads(json.dumps([trial.params, dict(trial.point)])) == [trial.params, trial.point]
            assert 1e-4 * (1 - 1e-9) <= trial.params["lr"] <= 1 + 1e-9
            assert trial.params["depth"] in range(2, 13)
            model = trial.params["model"]
            assert model == "svm" or model["boost"]["rounds"] in range(10, 101, 10)
            assert set(trial.point) <= set(labels)
            assert {label for label, row in labels.items() if row.active(trial.point)} <= set(trial.point)

    def test_both_branches_are_tried(self, make_sampler: MakeSampler) -> None:
        """A search tries several values of a number and both options of a choice."""
        found = search(make_sampler(_space()), 30)
        assert len({str(trial.params["lr"]) for trial in found}) > 20
        assert {trial.params["model"] == "svm" for trial in found} == {True, False}

    def test_a_suggestion_follows_from_the_trials_and_the_seed(self, make_sampler: MakeSampler) -> None:
        """Two samplers with equal seeds and trials make equal suggestions."""
        first, second = (search(make_sampler(_space()), 25) for _ in range(2))
        assert [trial.params for trial in first] == [trial.params for trial in second]

    def test_a_new_attempt_goes_on_with_the_sequence(self, make_sampler: MakeSampler) -> None:
        """A new sampler that is told the trials so far, each once, continues as the original one."""
        lived = make_sampler(_space())
        trials = search(lived, 25, slots=3)
        resumed = make_sampler(_space())
        for trial in trials:
            resumed.tell(trial)
        for number in range(25, 28):
            suggestions = [sampler.ask(number, seed=number) for sampler in (lived, resumed)]
            assert suggestions[0] == suggestions[1]
            running = Trial(number=number, params=suggestions[0].params, point=suggestions[0].point)
            for sampler in (lived, resumed):
                sampler.tell(running)

    def test_parallel_suggestions_differ(self, make_sampler: MakeSampler) -> None:
        """Configurations that run at the same time differ."""
        sampler = make_sampler(_space())
        search(sampler, 25)
        points = []
        for number in range(25, 33):
            suggestion = sampler.ask(number, seed=number)
            sampler.tell(Trial(number=number, params=suggestion.params, point=suggestion.point))
            points.append(json.dumps(dict(suggestion.point), sort_keys=True))
        assert len(set(points)) == len(points)

    def test_a_trial_may_run_again(self, make_sampler: MakeSampler) -> None:
        """A trial that ends, runs again and ends again counts with its last state."""
        sampler = make_sampler(_space())
        *_, last = search(sampler, 5)
        for trial in (replace(last, state=TrialState.RUNNING, loss=None), last):
            sampler.tell(trial)
        sampler.ask(5, seed=5)

    def test_studies_without_a_success_go_on(self, make_sampler: MakeSampler) -> None:
        """With only failed trials, the sampler keeps making suggestions."""
        sampler = make_sampler(_space())
        for number in range(25):
            suggestion = sampler.ask(number, seed=number)
            trial = Trial(number=number, params=suggestion.params, point=suggestion.point)
            sampler.tell(trial)
            sampler.tell(trial.ended(TrialState.FAILED, end=1.0, error=_FAILURE))

    def test_given_params_become_their_point(self, make_sampler: MakeSampler) -> None:
        """A user's params are returned unchanged, with a point that the sampler accepts in tell."""
        sampler = make_sampler(_space())
        params = {"lr": 0.5, "depth": 7, "model": {"boost": {"rounds": 20}}}
        suggestion = sampler.given(params)
        assert suggestion.params == params
        sampler.tell(Trial(number=0, params=suggestion.params, point=suggestion.point))
        sampler.ask(1, seed=1)

    def test_a_recommendation_is_a_successful_trial(self, make_sampler: MakeSampler) -> None:
        """A sampler recommends a successful trial or none, and none without results."""
        sampler = make_sampler(_space())
        assert sampler.recommend() is None
        trials = search(sampler, 30)
        found = sampler.recommend()
        assert found is None or trials[found.number].state is TrialState.OK

    @pytest.mark.parametrize(
        "params",
        [
            {"lr": 2.0, "depth": 7, "model": "svm"},
            {"lr": 0.5, "depth": 2.5, "model": "svm"},
            {"lr": 0.5, "depth": 7, "model": "forest"},
            {"lr": 0.5, "depth": 7},
            {"lr": 0.5, "depth": 7, "model": "svm", "more": 1},
            0.5,
        ],
    )
    def test_params_outside_the_space_are_refused(self, make_sampler: MakeSampler, params: Any) -> None:
        """Params outside the space raise SpecError in given."""
        with pytest.raises(SpecError):
            make_sampler(_space()).given(params)


def _space() -> SearchSpace:
    from airflow_sparktune.driver.samplers.search_space import SearchSpace  # imports hyperopt

    return SearchSpace.of(SPACE)


def search(sampler: Sampler, trials: int, *, slots: int = 1) -> list[Trial]:
    """Run a search on some slots, where some trials fail or are pruned.

    Returns the trials that ended, in the order of their ends, then those that run.
    """
    ended: list[Trial] = []
    running: list[Trial] = []
    for number in range(trials):
        suggestion = sampler.ask(number, seed=number)
        running.append(
            Trial(number=number, params=suggestion.params, point=suggestion.point, start=float(number))
        )
        sampler.tell(running[-1])
        if len(running) == slots:
            trial = running.pop(slots // 2)
            state = _ENDS[trial.number % len(_ENDS)]
            ok = state is TrialState.OK
            loss = abs(trial.params["depth"] - 5) + trial.params["lr"] if ok else None
            error = _FAILURE if state is TrialState.FAILED else None
            ended.append(trial.ended(state, end=number + 0.5, run_s=0.5, loss=loss, error=error))
            sampler.tell(ended[-1])
    return ended + running
