"""Limits end the study or a trial at the right time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from airflow_sparktune.driver.recorder import ALIVE_S
from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.texts import texts
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.stopping.converged import SHARE, WINDOW
from airflow_sparktune.study.trial import FailureKind, Outlook, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import DigestSampler, EngineGone, World, by_x, lasting, raises, stop_at

OK, FAILED, CANCELLED = TrialState.OK, TrialState.FAILED, TrialState.CANCELLED


class TestLimits:
    def test_running_trials_are_cancelled_at_the_deadline_and_finished_ones_count(self) -> None:
        world = World()
        assert world.attempt(lasting, capacity=3, timeout=3.5) is StopReason.TIMEOUT
        assert world.clock() == 1_003.5
        assert world.numbers(OK) == [0, 1, 2, 3]
        assert world.numbers(CANCELLED) == [4, 5, 6]
        assert max(trial.start or 0 for trial in world.trials.values()) < 1_003.5
        assert {trial.end for trial in world.trials.values() if trial.state is CANCELLED} == {1_003.5}

    def test_a_trial_that_ends_at_the_deadline_counts(self) -> None:
        world = World()
        assert world.attempt(capacity=2, timeout=2.0) is StopReason.TIMEOUT
        assert world.numbers(OK) == [0, 1, 2, 3]
        assert sorted(world.trials) == [0, 1, 2, 3]

    def test_no_trial_starts_after_the_deadline_even_if_a_suggestion_is_slow(self) -> None:
        world = World()

        class Slow(DigestSampler):
            def ask(self, number: int, *, seed: int) -> object:  # type: ignore[override]
                world.clock.pass_to(world.clock() + (10 if number == 1 else 0))
                return super().ask(number, seed=seed)

        with pytest.raises(ObjectiveError, match="at least one trial"):
            world.attempt(lambda _: raises(), capacity=1, timeout=2.0, sampler=Slow())
        assert world.slots is not None
        assert [call.trial.number for call in world.slots.calls] == [0]
        assert world.trials[1].state is CANCELLED

    def test_a_trial_that_loses_its_worker_at_the_deadline_does_not_run_again(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(2.0, lost="gone") if call.trial.number == 1 else by_x(call)

        assert world.attempt(play, capacity=2, timeout=2.0) is StopReason.TIMEOUT
        assert world.slots is not None
        assert Counter(call.trial.number for call in world.slots.calls)[1] == 1
        assert world.trials[1].state is CANCELLED

    def test_the_timeout_sums_the_running_time_of_all_attempts(self) -> None:
        world = World()
        world.interrupt(by_x, capacity=1, ends=3, timeout=5.0)
        world.clock.pass_to(5_000)  # no driver runs for a while
        assert world.attempt(timeout=5.0) is StopReason.TIMEOUT
        assert world.numbers(OK) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("set_by_s", [0.0, -900.0])
    def test_the_timeout_counts_the_time_of_an_attempt_killed_in_a_long_trial(self, set_by_s: float) -> None:
        """Changes of the wall clock do not matter."""
        world = World()
        slots = SimulatedLane(world.clock, lambda _: Ending.ok(0.5, after_s=7_200.0), capacity=1)
        tuner = world.tuner(slots, timeout=7_000.0)
        world.set_by_s = set_by_s
        stop_at(slots, world.clock, 1_000 + 6_600)
        with pytest.raises(EngineGone):
            tuner.run()
        world.clock.pass_to(50_000)
        assert world.attempt(max_evals=1_000_000, timeout=7_000.0) is StopReason.TIMEOUT
        assert 50_400 <= world.clock() <= 50_400 + ALIVE_S

    def test_the_timeout_counts_the_preparation_before_the_first_trial(self) -> None:
        world = World()
        assert world.attempt(timeout=5.0, prepare_s=2.0) is StopReason.TIMEOUT
        assert world.clock() == 1_005
        assert world.attempt(timeout=9.0, prepare_s=3.0) is StopReason.TIMEOUT
        assert world.clock() == 1_009
        assert world.numbers(OK) == [0, 1, 2, 3]

    def test_trial_timeout_ends_only_that_trial(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(0.5, after_s=100.0 if call.trial.number in (1, 4) else 1.0)

        assert world.attempt(play, capacity=2, limits={"trial_timeout": 2.5}) is StopReason.MAX_EVALS
        assert world.numbers(FAILED) == [1, 4]
        one = world.trials[1]
        assert one.error is not None
        assert one.error.kind is FailureKind.TIMEOUT
        assert "trial_timeout (2.5 s)" in one.error.message
        assert (one.end or 0) - (one.start or 0) == 2.5

    @pytest.mark.parametrize("limit", [2.3, 4.9, 0.1])
    def test_trial_timeout_expires_at_times_that_are_not_round_numbers(self, limit: float) -> None:
        world = World()
        world.attempt(
            lambda call: Ending.ok(0.5, after_s=100.0 if call.trial.number == 3 else 0.07),
            max_evals=5,
            limits={"trial_timeout": limit},
        )
        assert world.numbers(FAILED) == [3]

    def test_a_trial_that_runs_again_has_a_new_trial_timeout(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(2.0, lost="gone") if call.trial.tries == 1 else Ending.ok(0.5, after_s=2.0)

        world.attempt(play, max_evals=2, limits={"trial_timeout": 3.0})
        assert world.numbers(OK) == [0, 1]

    def test_trial_timeout_excludes_the_wait_for_a_slot(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            number = call.trial.number
            return replace(Ending.ok(0.5, after_s=100.0 if number == 2 else 2.0), queued_s=4.0 * number)

        world.attempt(play, capacity=3, max_evals=3, limits={"trial_timeout": 3.0})
        assert world.numbers(OK) == [0, 1]
        cut = world.trials[2]
        assert (cut.end or 0) - (cut.start or 0) == 8.0 + 3.0

    def test_a_loss_equal_to_the_threshold_ends_the_study(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(1.0 - call.trial.number / 10)

        assert world.attempt(play, capacity=2, limits={"loss_threshold": 0.7}) is StopReason.LOSS_THRESHOLD
        assert world.numbers(OK) == [0, 1, 2, 3]

    def test_no_progress_counts_trials_without_min_improvement(self) -> None:
        losses = [1.0, 0.95, 0.85, 0.8, 0.79, 0.78, 0.5]
        world = World()
        reason = world.attempt(
            lambda call: Ending.ok(losses[call.trial.number]),
            limits={"no_progress": 3, "min_improvement": 0.1},
        )
        assert reason is StopReason.NO_PROGRESS
        # 0.85 is the last value that is better by 0.1 than the last improvement.
        assert world.numbers(OK) == [0, 1, 2, 3, 4, 5]

    def test_an_improvement_of_exactly_min_improvement_counts(self) -> None:
        """1.0 - 0.9 is slightly less than 0.1 as a float."""
        world = World()
        losses = [1.0, 0.9, 0.9]
        world.attempt(
            lambda call: Ending.ok(losses[call.trial.number]),
            limits={"no_progress": 1, "min_improvement": 0.1},
            max_evals=3,
        )
        assert world.numbers(OK) == [0, 1, 2]

    def test_failures_count_as_no_progress(self) -> None:
        world = World()
        reason = world.attempt(
            lambda call: raises() if call.trial.number else by_x(call), limits={"no_progress": 3}
        )
        assert reason is StopReason.NO_PROGRESS
        assert (world.numbers(OK), world.numbers(FAILED)) == ([0], [1, 2, 3])

    @pytest.mark.parametrize(("max_failures", "ended"), [(0, 2), (2, 6), (0.25, 6), (0.0, 2)])
    def test_max_failures_as_a_count_and_as_a_share(self, max_failures: float, ended: int) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return raises() if call.trial.number % 2 else by_x(call)

        assert world.attempt(play, limits={"max_failures": max_failures}) is StopReason.MAX_FAILURES
        assert len(world.trials) == ended

    def test_a_share_of_failures_tolerates_rounding(self) -> None:
        """0.29 * 100 is slightly less than 29 as a float."""
        world = World()

        def play(call: Call) -> Ending:
            return by_x(call) if call.trial.number == 0 else raises()

        assert world.attempt(play, max_evals=100, limits={"max_failures": 0.29}) is StopReason.MAX_FAILURES
        assert len(world.numbers(FAILED)) == 30

    def test_the_order_of_ends_is_that_of_the_journal_not_of_the_wall_clock(self) -> None:
        losses = [0.5, 0.4, 0.3, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9]
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(losses[call.trial.number])

        world.attempt(play, max_evals=2)
        world.set_by_s = -100.0
        world.attempt(play, max_evals=4)
        world.set_by_s = 0.0
        assert world.attempt(play, max_evals=9, limits={"no_progress": 3}) is StopReason.NO_PROGRESS
        assert len(world.trials) == 7

    def test_limits_replay_earlier_attempts_in_the_order_of_ends(self) -> None:
        """Trial 0 ends last, so the best loss at that time came before it."""
        world = World()
        losses = {0: 0.9, 1: 0.1, 2: 0.5, 3: 0.6}

        def play(call: Call) -> Ending:
            return Ending.ok(losses[call.trial.number], after_s=10.0 if call.trial.number == 0 else 1.0)

        assert world.attempt(play, capacity=2, max_evals=4) is StopReason.MAX_EVALS
        assert world.attempt(play, max_evals=8, limits={"no_progress": 3}) is StopReason.NO_PROGRESS
        assert len(world.trials) == 4


class HopefulSampler(DigestSampler):
    """Expects a gain of 1 / number, as a model whose hope fades."""

    def ask(self, number: int, *, seed: int) -> Suggestion:
        found = super().ask(number, seed=seed)
        return replace(found, outlook=Outlook(1.0 / number, 0.1)) if number >= 10 else found


class TestConverged:
    ON: ClassVar[dict[str, Any]] = {"max_evals": 500, "limits": {"stop_when_converged": True}}

    def test_it_ends_the_study_when_the_model_expects_little(self) -> None:
        world = World()
        assert world.attempt(sampler=HopefulSampler(), **self.ON) is StopReason.CONVERGED
        last = max(world.trials)
        assert 1 / (last - WINDOW + 1) <= SHARE * 0.1 < 1 / (last - WINDOW)
        text = texts(summary(world.storage.study()))["ended"]
        assert text == f"converged: at most {1 / (last - WINDOW + 1):.2g} left to gain by another trial"

    @pytest.mark.parametrize("capacity", [1, 5])
    def test_a_resumed_study_ends_where_it_would_have(self, capacity: int) -> None:
        """What the model expected is in the journal, so that no hope is forgotten."""
        whole, cut = World(), World()
        whole.attempt(sampler=HopefulSampler(), capacity=capacity, **self.ON)
        for ends in (5, 30, 20):
            cut.interrupt(by_x, capacity=capacity, ends=ends, sampler=HopefulSampler(), **self.ON)
        cut.attempt(sampler=HopefulSampler(), capacity=capacity, **self.ON)
        assert abs(len(cut.numbers(OK)) - len(whole.numbers(OK))) < capacity
