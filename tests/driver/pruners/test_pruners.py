"""Each pruner passes the suite, and stops what its rule says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import pytest

from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.pruners.base import Curves, Pruner
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.definition.checks import PRUNERS
from airflow_sparktune.testing import PrunerSuite
from airflow_sparktune.testing.pruner import STEPS, ran

HERE = "tests.driver.pruners.test_pruners"
NAMES = [name for name in PRUNERS if name != "none"]


class Impatient:
    """A pruner of a user: stops what is not the best at its second report."""

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        there = curves.at(step)
        return curves.reports(number) == 2 and there[number] > min(there.values())


class TestEachPruner(PrunerSuite):
    @pytest.fixture(params=[*NAMES, f"{HERE}:Impatient"])
    def make_pruner(self, request: pytest.FixtureRequest) -> Callable[[], Pruner]:
        def make() -> Pruner:
            made = pruner_of(request.param)
            assert made is not None
            return made

        return make


def test_none_prunes_nothing() -> None:
    assert pruner_of("none") is None


@pytest.mark.parametrize("name", ["STEPS", "ran"])
def test_a_reference_must_name_a_pruner(name: str) -> None:
    with pytest.raises(ObjectiveError, match=r"must name a class with the method stops"):
        pruner_of(f"{HERE}:{name}")


def ends(name: str, losses: list[float]) -> list[int]:
    """Return the step at which each trial ends, if each has a constant loss and they run one by one."""
    pruner, curves = pruner_of(name), Curves()
    assert pruner is not None
    return [ran(pruner, curves, number, lambda _, at=loss: at) for number, loss in enumerate(losses)]


WARM = STEPS // 4 + 1  # the first step after the warm-up


class TestWorst:
    def test_it_stops_what_is_behind_three_quarters_after_a_quarter_of_the_steps(self) -> None:
        found = ends("worst", [1, 2, 3, 4, 5, 6, 7, 8, 7.5, 2.5, 9])
        assert found == [STEPS] * 4 + [WARM] * 5 + [STEPS, WARM]

    def test_the_middle_runs_to_its_end(self) -> None:
        assert ends("worst", [8, 7, 6, 5, 4, 3, 2, 1, 5.5])[-1] == STEPS

    def test_nothing_is_stopped_before_four_have_finished(self) -> None:
        assert ends("worst", [1, 2, 3, 4]) == [STEPS] * 4


class TestMedian:
    def test_it_stops_the_worse_half(self) -> None:
        assert ends("median", [8, 7, 6, 5, 4, 3, 2, 1, 5.5, 3.5]) == [STEPS] * 8 + [WARM, STEPS]

    @pytest.mark.parametrize(("end", "stopped"), [(0.0, STEPS), (9.0, WARM)])
    def test_it_learns_whether_slow_starters_catch_up(self, end: float, stopped: int) -> None:
        """Four trials keep the loss with which they started; one started worse, and ended well or badly."""
        pruner, curves = pruner_of("median"), Curves()
        assert pruner is not None
        for number, loss in enumerate([1.0, 2.0, 3.0, 4.0]):
            ran(pruner, curves, number, lambda _, at=loss: at)
        for step in range(1, STEPS + 1):
            curves.add(4, step, 9.0 if step < STEPS else end)
        curves.finish(4)
        assert ran(pruner, curves, 5, lambda _: 8.0) == stopped


class TestAsha:
    def test_only_the_better_half_passes_a_rung(self) -> None:
        found = ends("asha", [float(loss) for loss in range(9)])
        assert found == [STEPS] * 4 + [4] * 5

    def test_a_better_trial_passes_all(self) -> None:
        assert ends("asha", [9.0, 8.0, 7.0, 6.0, 5.0]) == [STEPS] * 5

    def test_between_rungs_nothing_is_stopped(self) -> None:
        """Reports 4, 8 and 16 are rungs."""
        pruner, curves = pruner_of("asha"), Curves()
        assert pruner is not None
        for number in range(4):
            ran(pruner, curves, number, lambda _: 1.0)
        assert ran(pruner, curves, 4, lambda step: 9.0 if step < 4 else 0.5) == STEPS
        assert ran(pruner, curves, 5, lambda step: 0.5 if step <= 4 else 9.0) == STEPS  # its lowest counts
        assert ran(pruner, curves, 6, lambda _: 9.0) == 4


class TestFolds:
    """The folds of the best trial differ much from each other."""

    BEST = (1.0, 5.0, 2.0, 8.0, 3.0)
    WORSE = (1.4, 5.5, 2.6, 8.5, 3.4)

    @staticmethod
    def stopped(*trials: Sequence[float]) -> list[int | None]:
        """Return after which fold each trial is stopped; they run one by one, and report running means."""
        pruner, curves, found = pruner_of("folds"), Curves(), []
        assert pruner is not None
        for number, losses in enumerate(trials):
            for fold in range(1, len(losses) + 1):
                curves.add(number, fold, fmean(losses[:fold]))
                if pruner.stops(number, fold, curves):
                    found.append(fold)
                    break
            else:
                curves.finish(number)
                found.append(None)
        return found

    def test_a_small_difference_shows_in_pairs(self) -> None:
        """Each fold is a little worse, by much less than the folds differ from each other."""
        assert self.stopped(self.BEST, self.WORSE) == [None, 3]

    def test_noise_decides_nothing(self) -> None:
        """Its mean is worse after each fold, but so little that chance explains it."""
        assert self.stopped(self.BEST, [1.6, 5.5, 1.4, 8.3, 3.9]) == [None, None]

    def test_the_best_of_the_finished_trials_counts(self) -> None:
        worst = [loss + 2 for loss in self.BEST]
        assert self.stopped(worst, self.WORSE) == [None, None]
        assert self.stopped(worst, self.BEST, self.WORSE) == [None, None, 3]

    def test_a_pruned_trial_is_never_the_best(self) -> None:
        """The folds that it had may have been the easy ones."""
        pruner, curves = pruner_of("folds"), Curves()
        assert pruner is not None
        for fold in range(1, 5):
            curves.add(0, fold, 0.0)
        for fold in range(1, 6):
            curves.add(1, fold, 10.0)
            assert not pruner.stops(1, fold, curves)

    def test_other_folds_are_not_compared(self) -> None:
        """The second fold of one trial and the first of another are no pair."""
        pruner, curves = pruner_of("folds"), Curves()
        assert pruner is not None
        for fold in range(1, 6):
            curves.add(0, fold, 0.0)
        curves.finish(0)
        for fold in range(2, 5):
            curves.add(1, fold, 10.0)
            assert not pruner.stops(1, fold, curves)
