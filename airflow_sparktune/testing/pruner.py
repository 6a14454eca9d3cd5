"""Conformance tests of a pruner."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_sparktune.driver.pruners.base import Curves, Pruner

MakePruner = Callable[[], Pruner]

STEPS = 27
# A report delays all others, so 32 trials at once allow less; the limit is for busy machines.
MOST_S = 0.02


class PrunerSuite:
    """Tests that a pruner can judge a study.

    A pruner supplies one fixture, `make_pruner`: its class, or a function that returns a new pruner::

        class TestMyPruner(PrunerSuite):
            @pytest.fixture
            def make_pruner(self):
                return MyPruner
    """

    def test_a_trial_alone_runs_to_its_end(self, make_pruner: MakePruner) -> None:
        """There is nothing to compare it with, however its losses go."""
        assert ran(make_pruner(), Curves(), 0, lambda step: step * 10.0) == STEPS

    def test_a_trial_that_leads_runs_to_its_end(self, make_pruner: MakePruner) -> None:
        """It has the lowest loss at each step."""
        pruner, curves = make_pruner(), _study(make_pruner())
        assert ran(pruner, curves, 100, lambda step: -float(step)) == STEPS

    def test_equal_trials_run_to_their_end(self, make_pruner: MakePruner) -> None:
        """None of them is behind another."""
        pruner, curves = make_pruner(), Curves()
        assert [ran(pruner, curves, number, lambda step: 1 / step) for number in range(20)] == [STEPS] * 20

    def test_steps_that_no_other_trial_has_decide_nothing(self, make_pruner: MakePruner) -> None:
        """The losses of other trials at other steps say little."""
        pruner, curves = make_pruner(), _study(make_pruner())
        for step in range(1_000, 1_000 + STEPS):
            curves.add(100, step, 1e9)
            assert not pruner.stops(100, step, curves)

    def test_it_depends_on_its_arguments_only(self, make_pruner: MakePruner) -> None:
        """A study that is resumed with a new pruner decides as before."""
        assert _decisions(make_pruner()) == _decisions(make_pruner())
        pruner, curves = make_pruner(), _study(make_pruner())
        curves.add(100, 1, 5.0)
        assert len({pruner.stops(100, 1, curves) for _ in range(5)}) == 1

    def test_it_answers_quickly(self, make_pruner: MakePruner) -> None:
        """It is asked in the thread that answers all trials; the fastest of five counts."""
        pruner, curves = make_pruner(), Curves()
        for number in range(1_000):
            for step in range(1, 10):
                curves.add(number, step, float(number))
            curves.finish(number)
        took = []
        for _ in range(5):
            start = time.perf_counter()
            pruner.stops(500, 9, curves)
            took.append(time.perf_counter() - start)
        assert min(took) < MOST_S


def ran(pruner: Pruner, curves: Curves, number: int, loss: Callable[[int], float]) -> int:
    """Run a trial that reports `loss(step)` at each step; return at which step it ended."""
    for step in range(1, STEPS + 1):
        curves.add(number, step, loss(step))
        if pruner.stops(number, step, curves):
            return step
    curves.finish(number)
    return STEPS


def _study(pruner: Pruner) -> Curves:
    """Return the curves after twenty trials of different quality."""
    curves = Curves()
    for number in range(20):
        ran(pruner, curves, number, _course(number))
    return curves


def _decisions(pruner: Pruner) -> list[int]:
    curves = Curves()
    return [ran(pruner, curves, number, _course(number)) for number in range(40)]


def _course(number: int) -> Callable[[int], float]:
    """Return the losses of a trial by step, as good or bad as its number says."""
    return lambda step: number * 7 % 20 + 1 / step
