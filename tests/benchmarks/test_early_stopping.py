"""The parts of the benchmark of early stopping: recorded problems, the replay of a study, and its figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from airflow_sparktune.driver.pruners.base import Curves
from airflow_sparktune.driver.samplers import over
from airflow_sparktune.study.trial import Trial
from benchmarks.early_stopping.recorded import ASIDE, CHOOSING, PUBLISHED, Problem, problem, space_of
from benchmarks.early_stopping.replay import Ran, replay
from benchmarks.early_stopping.verdict import Verdict
from benchmarks.recorded import RecordedSampler


class AtTwo:
    def stops(self, number: int, step: int, curves: Curves) -> bool:
        return step == 2 and number % 2 == 1


def over_crossing() -> RecordedSampler:
    space = space_of("crossing")
    return RecordedSampler(over(space, "random"), space, problem("crossing").points)


@pytest.mark.parametrize("name", [*CHOOSING, *PUBLISHED, *ASIDE])
def test_a_problem_has_a_curve_for_each_of_a_thousand_configurations(name: str) -> None:
    task = problem(name)
    assert len(task.points) == len(task.curves) == len(task.seconds) == 1_000
    assert task.points.shape[1] == len(space_of(name).dimensions)
    assert np.isfinite(task.curves).all()
    assert (task.seconds > 0).all()
    assert len(np.unique(task.losses)) > 900


def test_settings_are_not_chosen_on_what_is_published() -> None:
    names = [*CHOOSING, *PUBLISHED, *ASIDE]
    assert len(set(names)) == len(names)


def test_a_suggestion_becomes_the_nearest_configuration_that_is_free() -> None:
    """Random search suggests the same points again after each start with a seed."""
    sampler = over_crossing()
    for number in range(3):
        sampler.ask(number, seed=7)
    wanted = space_of("crossing")
    assert len(set(sampler.chosen.values())) == 3
    assert wanted.dimensions == sampler.dimensions


def test_a_configuration_that_the_sampler_repeats_runs_again() -> None:
    """`gp` asks once for a configuration that it knows, to see whether losses are noisy."""
    ran = replay("crossing", "gp", None, slots=1, trials=20, seed=0)
    assert len({each.configuration for each in ran}) == 19


def test_the_sampler_learns_what_ran() -> None:
    sampler = over_crossing()
    suggestion = sampler.ask(0, seed=1)
    point = problem("crossing").points[sampler.chosen[0]]
    assert [suggestion.point[each.label] for each in sampler.dimensions] == point.tolist()
    sampler.tell(Trial(number=0, params=suggestion.params, point=suggestion.point))


def test_a_pruned_trial_costs_its_steps_only() -> None:
    task = problem("crossing")
    ran = replay("crossing", "random", AtTwo(), slots=2, trials=6, seed=0)
    assert sorted(each.pruned for each in ran) == [False] * 3 + [True] * 3
    for each in ran:
        share = 2 / task.curves.shape[1] if each.pruned else 1.0
        assert each.run_s == pytest.approx(share * task.seconds[each.configuration])


def test_random_search_runs_the_same_configurations_with_any_pruner() -> None:
    found = [
        {each.configuration for each in replay("crossing", "random", pruner, slots=2, trials=8, seed=3)}
        for pruner in (None, AtTwo())
    ]
    assert found[0] == found[1]


class TestVerdict:
    TASK = Problem({}, np.zeros((8, 1)), np.arange(8.0)[:, None], np.ones(8))
    WITHOUT = (Ran(1, 10, 10, False), Ran(3, 20, 10, False), Ran(0, 30, 10, False), Ran(2, 40, 10, False))

    def test_without_pruning_it_is_compared_with_itself(self) -> None:
        found = Verdict.of(self.TASK, self.WITHOUT, self.WITHOUT)
        assert (found.cost, found.worse, found.to_loss, found.winner_pruned) == (1.0, 0.0, 1.0, False)

    def test_a_pruned_winner(self) -> None:
        """The study holds the loss that the other one has at half of its trials earlier, and ends worse."""
        ran = (Ran(3, 2, 2, True), Ran(1, 8, 6, False), Ran(0, 9, 1, True), Ran(2, 19, 10, False))
        found = Verdict.of(self.TASK, ran, self.WITHOUT)
        assert found.winner_pruned
        assert (found.cost, found.to_loss) == pytest.approx((19 / 40, 8 / 10))
        assert found.worse > 0

    def test_a_loss_that_is_never_reached(self) -> None:
        assert Verdict.of(self.TASK, self.WITHOUT[1:2], self.WITHOUT).to_loss == math.inf

    def test_what_chance_finds(self) -> None:
        """The lowest of two of the numbers from 0 to 7 is 2 on the average."""
        assert self.TASK.by_chance(2) == pytest.approx(2.0)
        assert self.TASK.by_chance(8) == 0.0
