from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

import pytest

from airflow_sparktune.driver.backends.base import BackendEvent
from airflow_sparktune.driver.backends.simulated import Ending, SimulatedBackend, VirtualClock
from airflow_sparktune.driver.progress_log import ProgressLog
from airflow_sparktune.driver.recorder import ALIVE_S
from airflow_sparktune.driver.samplers.base import Exhausted, Suggestion
from airflow_sparktune.driver.trial_queue import Start
from airflow_sparktune.driver.tuner import trial_seed
from airflow_sparktune.errors import ObjectiveError, StorageUnavailable, Superseded, describe
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.journal.streams import StreamWriter
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import FailureKind, Trial, TrialOrigin, TrialState
from tests.driver.world import SEED, DigestSampler, MemoryStorage, PlainSampler, World, by_x, raises

OK, FAILED, CANCELLED, RUNNING = TrialState.OK, TrialState.FAILED, TrialState.CANCELLED, TrialState.RUNNING


def lasting(call: Call) -> Ending:
    """Play trials of 1, 2, 3, 1, 2, 3, ... seconds."""
    return Ending.ok(call.params["x"], after_s=1.0 + call.trial.number % 3)


class TestSlots:
    @pytest.mark.parametrize("capacity", [1, 3, 20])
    def test_exactly_max_evals_trials_end_and_no_number_is_used_twice(self, capacity: int) -> None:
        world = World()
        assert world.attempt(lasting, capacity=capacity, max_evals=17) is StopReason.MAX_EVALS
        assert world.numbers(OK) == list(range(17)) == sorted(world.trials)
        assert sorted(trial.number for trial in world.reported) == list(range(17))

    def test_a_free_slot_is_filled_at_once(self) -> None:
        world = World()
        world.attempt(lasting, capacity=4, max_evals=40)
        by_slot: dict[int | None, list[Trial]] = {}
        for trial in sorted(world.trials.values(), key=lambda trial: trial.start or 0):
            by_slot.setdefault(trial.slot, []).append(trial)
        assert sorted(by_slot) == [0, 1, 2, 3]
        for trials in by_slot.values():
            assert [one.end for one in trials[:-1]] == [next_.start for next_ in trials[1:]]

    def test_capacity_grows_and_shrinks(self) -> None:
        world = World()
        capacities = {0: 1, 2: 4, 5: 0, 8: 2}
        at_once: list[tuple[float, int]] = []

        def capacity(now: float) -> int:
            return capacities[max(at for at in capacities if at <= now - 1_000)]

        def play(call: Call) -> Ending:
            running = [trial for trial in world.trials.values() if trial.state is RUNNING]
            at_once.append((world.clock() - 1_000, len(running)))
            return Ending.ok(0.5)

        assert world.attempt(play, capacity=capacity, max_evals=20) is StopReason.MAX_EVALS
        started = Counter(at for at, _ in at_once)
        assert [started[at] for at in range(9)] == [1, 1, 4, 4, 4, 0, 0, 0, 2]
        assert max(running for _, running in at_once) == 4

    def test_many_suggestions_do_not_delay_the_first_trial(self) -> None:
        """Trials share a commit only if their suggestions come quickly."""
        world = World()

        class Slow(DigestSampler):
            def ask(self, number: int, *, seed: int) -> object:  # type: ignore[override]
                world.clock.pass_to(world.clock() + 0.5)
                return super().ask(number, seed=seed)

        world.attempt(capacity=4, max_evals=4, sampler=Slow())
        starts = [world.trials[number].start for number in range(4)]
        assert starts == [1_000.5, 1_001.0, 1_001.5, 1_002.0]
        assert world.recorder.study.timing["ask_s"] == 2.0

    def test_slow_suggestions_do_not_delay_results(self) -> None:
        """While slots are filled, ends are recorded and trial_timeout expires between two asks."""
        world = World()

        class Slow(DigestSampler):
            def ask(self, number: int, *, seed: int) -> object:  # type: ignore[override]
                world.clock.pass_to(world.clock() + 0.5)
                return super().ask(number, seed=seed)

        def play(call: Call) -> Ending:
            return Ending.ok(0.5, after_s=100.0 if call.trial.number == 1 else 0.75)

        world.attempt(play, capacity=10, max_evals=10, trial_timeout=2.0, sampler=Slow())
        took = {number: (trial.end or 0) - (trial.start or 0) for number, trial in world.trials.items()}
        assert 2.0 <= took.pop(1) <= 2.5
        assert world.numbers(FAILED) == [1]
        assert max(took.values()) <= 1.25


class TestOrder:
    def test_a_result_is_recorded_before_the_sampler_gets_it_and_the_slot_is_filled(self) -> None:
        world = World()
        ended: set[int] = set()

        def on_record() -> set[int]:
            return {trial.number for trial in world.trials.values() if trial.state is not RUNNING}

        class Checking(DigestSampler):
            def tell(self, trial: Trial) -> None:
                if trial.state is not RUNNING:
                    assert world.trials[trial.number] == trial
                    ended.add(trial.number)

        def play(call: Call) -> Ending:
            assert world.trials[call.trial.number].state is RUNNING
            assert on_record() == ended
            return lasting(call)

        world.attempt(play, capacity=3, sampler=Checking())
        assert len(ended) == 10

    def test_the_sampler_knows_the_running_trials(self) -> None:
        seen: list[int] = []

        class Counting(DigestSampler):
            def ask(self, number: int, *, seed: int) -> object:  # type: ignore[override]
                seen.append(sum(state == "running" for state, _ in self.trials.values()))
                return super().ask(number, seed=seed)

        World().attempt(capacity=3, max_evals=6, sampler=Counting())
        assert seen == [0, 1, 2, 0, 1, 2]

    def test_each_trial_has_a_seed_derived_from_study_and_number(self) -> None:
        world = World()
        world.attempt(capacity=2)
        assert world.slots is not None
        seeds = {call.trial.number: call.trial.seed for call in world.slots.calls}
        assert seeds == {number: trial_seed(SEED, number) for number in range(10)}
        assert sorted(world.sampler.asked) == sorted(seeds.items())
        assert len(set(seeds.values())) == 10


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
        slots = SimulatedBackend(world.clock, by_x, capacity=1)
        tuner = world.tuner(slots, timeout=5.0)
        stop_after(slots, 3)
        with pytest.raises(EngineGone):
            tuner.run()
        world.clock.pass_to(5_000)  # no driver runs for a while
        assert world.attempt(timeout=5.0) is StopReason.TIMEOUT
        assert world.numbers(OK) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("set_by_s", [0.0, -900.0])
    def test_the_timeout_counts_the_time_of_an_attempt_killed_in_a_long_trial(self, set_by_s: float) -> None:
        """Changes of the wall clock do not matter."""
        world = World()
        slots = SimulatedBackend(world.clock, lambda _: Ending.ok(0.5, after_s=7_200.0), capacity=1)
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

        assert world.attempt(play, capacity=2, trial_timeout=2.5) is StopReason.MAX_EVALS
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
            trial_timeout=limit,
        )
        assert world.numbers(FAILED) == [3]

    def test_a_trial_that_runs_again_has_a_new_trial_timeout(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(2.0, lost="gone") if call.trial.tries == 1 else Ending.ok(0.5, after_s=2.0)

        world.attempt(play, max_evals=2, trial_timeout=3.0)
        assert world.numbers(OK) == [0, 1]

    def test_trial_timeout_excludes_the_wait_for_a_slot(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            number = call.trial.number
            return replace(Ending.ok(0.5, after_s=100.0 if number == 2 else 2.0), queued_s=4.0 * number)

        world.attempt(play, capacity=3, max_evals=3, trial_timeout=3.0)
        assert world.numbers(OK) == [0, 1]
        cut = world.trials[2]
        assert (cut.end or 0) - (cut.start or 0) == 8.0 + 3.0

    def test_a_loss_equal_to_the_threshold_ends_the_study(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(1.0 - call.trial.number / 10)

        assert world.attempt(play, capacity=2, loss_threshold=0.7) is StopReason.LOSS_THRESHOLD
        assert world.numbers(OK) == [0, 1, 2, 3]

    def test_no_progress_counts_trials_without_min_improvement(self) -> None:
        losses = [1.0, 0.95, 0.85, 0.8, 0.79, 0.78, 0.5]
        world = World()
        reason = world.attempt(
            lambda call: Ending.ok(losses[call.trial.number]), no_progress=3, min_improvement=0.1
        )
        assert reason is StopReason.NO_PROGRESS
        # 0.85 is the last value that is better by 0.1 than the last improvement.
        assert world.numbers(OK) == [0, 1, 2, 3, 4, 5]

    def test_an_improvement_of_exactly_min_improvement_counts(self) -> None:
        """1.0 - 0.9 is slightly less than 0.1 as a float."""
        world = World()
        losses = [1.0, 0.9, 0.9]
        world.attempt(
            lambda call: Ending.ok(losses[call.trial.number]), no_progress=1, min_improvement=0.1, max_evals=3
        )
        assert world.numbers(OK) == [0, 1, 2]

    def test_failures_count_as_no_progress(self) -> None:
        world = World()
        reason = world.attempt(lambda call: raises() if call.trial.number else by_x(call), no_progress=3)
        assert reason is StopReason.NO_PROGRESS
        assert (world.numbers(OK), world.numbers(FAILED)) == ([0], [1, 2, 3])

    @pytest.mark.parametrize(("max_failures", "ended"), [(0, 2), (2, 6), (0.25, 6), (0.0, 2)])
    def test_max_failures_as_a_count_and_as_a_share(self, max_failures: float, ended: int) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return raises() if call.trial.number % 2 else by_x(call)

        assert world.attempt(play, max_failures=max_failures) is StopReason.MAX_FAILURES
        assert len(world.trials) == ended

    def test_a_share_of_failures_tolerates_rounding(self) -> None:
        """0.29 * 100 is slightly less than 29 as a float."""
        world = World()

        def play(call: Call) -> Ending:
            return by_x(call) if call.trial.number == 0 else raises()

        assert world.attempt(play, max_evals=100, max_failures=0.29) is StopReason.MAX_FAILURES
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
        assert world.attempt(play, max_evals=9, no_progress=3) is StopReason.NO_PROGRESS
        assert len(world.trials) == 7

    def test_limits_replay_earlier_attempts_in_the_order_of_ends(self) -> None:
        """Trial 0 ends last, so the best loss at that time came before it."""
        world = World()
        losses = {0: 0.9, 1: 0.1, 2: 0.5, 3: 0.6}

        def play(call: Call) -> Ending:
            return Ending.ok(losses[call.trial.number], after_s=10.0 if call.trial.number == 0 else 1.0)

        assert world.attempt(play, capacity=2, max_evals=4) is StopReason.MAX_EVALS
        assert world.attempt(play, max_evals=8, no_progress=3) is StopReason.NO_PROGRESS
        assert len(world.trials) == 4


class TestFailures:
    def test_a_lost_trial_runs_again_with_the_same_number_params_and_seed(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(0.5, lost="out of memory") if call.trial.tries < 3 else by_x(call)

        world.attempt(play, capacity=2, max_evals=3)
        assert world.slots is not None
        for number in range(3):
            calls = [call for call in world.slots.calls if call.trial.number == number]
            assert [call.trial.tries for call in calls] == [1, 2, 3]
            assert len({(str(call.params), call.trial.seed) for call in calls}) == 1
            assert world.trials[number].tries == 3
        assert world.numbers(OK) == [0, 1, 2]

    def test_a_trial_lost_too_often_fails_with_the_message_of_spark(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(0.5, lost="out of memory") if call.trial.number == 1 else by_x(call)

        world.attempt(play, max_evals=3, max_trial_retries=1)
        error = world.trials[1].error
        assert error is not None
        assert error.kind is FailureKind.LOST
        assert "in each of 2 tries: out of memory" in error.message

    def test_a_lost_trial_waits_if_no_slot_is_free(self) -> None:
        """A lost executor takes its slots with it."""
        world = World()
        running: list[int] = []

        def capacity(now: float) -> int:
            return 4 if now < 1_000.5 else 1

        def play(call: Call) -> Ending:
            if world.clock() >= 1_000.5:
                running.append(sum(trial.state is RUNNING for trial in world.trials.values()))
            return Ending(0.5, lost="node gone") if world.clock() < 1_000.5 else by_x(call)

        world.attempt(play, capacity=capacity, max_evals=6)
        assert world.slots is not None
        late = [call for call in world.slots.calls if call.trial.tries == 2]
        assert [call.trial.number for call in late] == [0, 1, 2, 3]
        ends = sorted(trial.end or 0 for trial in world.trials.values())
        assert ends == [1_001.5 + after for after in range(6)]

    def test_a_trial_that_is_both_lost_and_overdue_only_runs_again(
        self,
    ) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return Ending(1.0, lost="gone") if call.trial.tries == 1 else Ending.ok(0.5, after_s=0.5)

        world.attempt(play, max_evals=1, trial_timeout=1.0)
        assert world.trials[0].state is OK
        assert [trial.state for trial in world.reported] == [OK]

    @pytest.mark.parametrize(("max_evals", "failed"), [(100, 5), (3, 3)])
    def test_the_study_stops_with_the_first_traceback_if_all_trials_fail(
        self, max_evals: int, failed: int
    ) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return raises(f"ValueError: number {call.trial.number}", traceback="the first frames")

        with pytest.raises(ObjectiveError, match="number 0\nthe first frames") as raised:
            world.attempt(play, max_evals=max_evals)
        assert not raised.value.retryable
        assert len(world.trials) == failed

    @pytest.mark.parametrize("limit", [{"max_failures": 1}, {"no_progress": 2}, {"timeout": 2.0}])
    def test_a_limit_does_not_hide_that_all_trials_failed(self, limit: dict[str, float]) -> None:
        with pytest.raises(ObjectiveError, match="all 2 that ended have failed"):
            World().attempt(lambda _: raises(), **limit)

    def test_running_trials_are_cancelled_if_all_others_fail(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            return raises(after_s=100.0 if call.trial.number == 0 else 1.0)

        with pytest.raises(ObjectiveError):
            world.attempt(play, capacity=2, max_evals=100)
        assert world.numbers(CANCELLED)[0] == 0
        assert world.numbers(RUNNING) == []

    def test_failures_of_earlier_attempts_do_not_stop_a_corrected_objective(self) -> None:
        world = World()
        for attempt in ("old", "new"):
            with pytest.raises(ObjectiveError, match=f"{attempt} news") as raised:
                world.attempt(lambda _, attempt=attempt: raises(f"{attempt} news"), max_evals=20)
        assert "all 10 that ended have failed" in str(raised.value)
        assert world.attempt(max_evals=20) is StopReason.MAX_EVALS
        assert (len(world.numbers(FAILED)), len(world.numbers(OK))) == (10, 10)

    @pytest.mark.parametrize("limit", [{"max_evals": 5}, {"max_evals": 20, "max_failures": 4}])
    def test_a_limit_counts_failures_of_earlier_attempts_too(self, limit: dict[str, int]) -> None:
        world = World()
        with pytest.raises(ObjectiveError):
            world.attempt(lambda _: raises(), **limit)
        with pytest.raises(ObjectiveError, match=r"all 5 that ended have failed.*ValueError: no"):
            world.attempt(**limit)
        assert world.slots is not None
        assert world.slots.calls == []

    def test_a_success_among_the_first_failures_continues_the_study(self) -> None:
        world = World()
        world.attempt(lambda call: by_x(call) if call.trial.number == 3 else raises(), max_evals=12)
        assert len(world.numbers(FAILED)) == 11

    @pytest.mark.parametrize(("limit", "then"), [({}, None), ({"timeout": 1.0}, StopReason.TIMEOUT)])
    def test_a_success_at_the_last_moment_counts(
        self, limit: dict[str, float], then: StopReason | None
    ) -> None:
        """Trial 5 succeeds after five failures or the timeout, but before the study has ended."""
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(0.5, after_s=1.5) if call.trial.number == 5 else raises()

        class Late(SimulatedBackend):
            def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
                if wait_s == 0:  # the last call
                    world.clock.pass_to(world.clock() + 1.0)
                return super().events(wait_s=wait_s)

        slots = Late(world.clock, play, capacity=6)
        assert world.attempt(slots=slots, max_evals=7, **limit) is (then or StopReason.MAX_EVALS)
        assert world.numbers(OK) == [5]

    def test_a_lost_trial_that_waits_for_a_slot_has_none(self) -> None:
        world = World()

        def capacity(now: float) -> int:
            return 2 if now < 1_000.5 else 1

        def play(call: Call) -> Ending:
            if call.trial.tries == 1 and call.trial.number == 1:
                return Ending(0.5, lost="node gone")
            waiting.append(world.trials[1])
            return Ending.ok(0.5, after_s=5.0)

        waiting: list[Trial] = []
        world.attempt(play, capacity=capacity, max_evals=2)
        assert world.numbers(OK) == [0, 1]
        assert [trial.end for trial in world.trials.values()] == [1_005.0, 1_010.0]
        starts = [json.loads(line) for data in world.storage.files.values() for line in data.splitlines()]
        trials = [event["trial"] for event in starts if event["event"] == "trial"]
        assert [(one["start"], one["slot"]) for one in trials if one["number"] == 1][1] == (None, None)


class FourPoints(DigestSampler):
    """A sampler with four points over all attempts."""

    def ask(self, number: int, *, seed: int) -> Suggestion:
        if number >= 4:
            raise Exhausted
        return super().ask(number, seed=seed)


class TestExhausted:
    @pytest.mark.parametrize("capacity", [1, 3, 20])
    def test_an_exhausted_algorithm_ends_the_study_after_the_running_trials(self, capacity: int) -> None:
        world = World()
        assert world.attempt(lasting, capacity=capacity, sampler=FourPoints()) is StopReason.EARLY_STOP
        assert world.numbers(OK) == [0, 1, 2, 3] == sorted(world.trials)

    def test_a_lost_trial_still_runs_again(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            lost = call.trial.number == 3 and call.trial.tries == 1
            return Ending(9.0, lost="gone") if lost else by_x(call)

        assert world.attempt(play, capacity=2, sampler=FourPoints()) is StopReason.EARLY_STOP
        assert (world.numbers(OK), world.trials[3].tries) == ([0, 1, 2, 3], 2)

    def test_a_limit_may_be_reached_first(self) -> None:
        world = World()
        assert world.attempt(lasting, capacity=20, sampler=FourPoints(), timeout=2.5) is StopReason.TIMEOUT
        assert world.numbers(CANCELLED) == [2]

    def test_the_next_attempt_asks_again_and_reruns_interrupted_trials(self) -> None:
        world = World()
        slots = SimulatedBackend(world.clock, lasting, capacity=20)
        tuner = world.tuner(slots, sampler=FourPoints())
        stop_after(slots, 2)
        with pytest.raises(EngineGone):
            tuner.run()
        assert world.numbers(RUNNING)
        assert world.attempt(lasting, capacity=20, sampler=FourPoints()) is StopReason.EARLY_STOP
        assert world.numbers(OK) == [0, 1, 2, 3]
        assert world.attempt(lasting, max_evals=6) is StopReason.MAX_EVALS

    def test_exhaustion_does_not_hide_that_all_trials_failed(self) -> None:
        with pytest.raises(ObjectiveError, match="all 4 that ended have failed"):
            World().attempt(lambda _: raises(), sampler=FourPoints())


class EngineGone(Exception):
    pass


def stop_after(slots: SimulatedBackend, ends: int) -> None:
    """Make the engine fail in the call of `events` after a number of trials."""
    count = 0
    events = slots.events

    def dying(*, wait_s: float | None) -> object:
        nonlocal count
        if count >= ends:
            raise EngineGone
        found = events(wait_s=wait_s)
        count += len(found)
        return found

    slots.events = dying  # type: ignore[method-assign,assignment]


def stop_at(slots: SimulatedBackend, clock: VirtualClock, at: float) -> None:
    """Make the engine fail in the first call of `events` after a time."""
    events = slots.events

    def dying(*, wait_s: float | None) -> object:
        if clock() >= at:
            raise EngineGone
        return events(wait_s=wait_s)

    slots.events = dying  # type: ignore[method-assign,assignment]


class TestAlive:
    @pytest.mark.parametrize(("after_s", "max_evals"), [(100.0, 2), (0.5, 400)])
    def test_a_driver_regularly_records_that_it_is_alive(self, after_s: float, max_evals: int) -> None:
        world = World()
        world.attempt(lambda _: Ending.ok(0.5, after_s=after_s), capacity=2, max_evals=max_evals)
        assert signs_of_life(world) == [1_030, 1_060, 1_090]

    def test_a_driver_without_slots_records_that_it_is_alive(self) -> None:
        world = World()
        world.attempt(capacity=lambda now: int(now >= 1_040), max_evals=1)
        assert signs_of_life(world) == [1_030]


def signs_of_life(world: World) -> list[float]:
    events = [json.loads(line) for data in world.storage.files.values() for line in data.splitlines()]
    return [event["at"] for event in events if event["event"] == "alive"]


class TestEngine:
    def test_an_exception_in_the_backend_ends_the_study(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            if call.trial.number == 3:
                raise EngineGone
            return by_x(call)

        with pytest.raises(EngineGone):
            world.attempt(play, capacity=2)
        assert FAILED not in {trial.state for trial in world.trials.values()}

    @pytest.mark.parametrize("method", ["ask", "tell"])
    def test_an_exception_in_the_sampler_ends_the_study(self, method: str) -> None:
        world = World()

        class Broken(DigestSampler):
            pass

        def broken(*_args: object, **_kwargs: object) -> None:
            raise ZeroDivisionError

        setattr(Broken, method, broken)
        with pytest.raises(ZeroDivisionError):
            world.attempt(sampler=Broken())

    def test_a_cancelled_trial_that_does_not_end_does_not_block_the_study(self) -> None:
        world = World()
        slots = SimulatedBackend(
            world.clock, lambda call: Ending.ok(0.1, after_s=math.inf), capacity=1, cancel_s=math.inf
        )
        with pytest.raises(ObjectiveError, match="reached timeout"):
            world.attempt(slots=slots, timeout=3.0)
        assert world.numbers(CANCELLED) == [0]

    def test_a_superseded_driver_stops(self) -> None:
        world = World()

        def play(call: Call) -> Ending:
            if call.trial.number == 4:
                writer = StreamWriter(world.storage, 2)
                opened = world.storage.read(next(iter(world.storage.files)))
                world.storage.write(f"attempts/{writer.stream}/00000001-00000001.jsonl", opened)
            return by_x(call)

        with pytest.raises(Superseded, match="attempt 2"):
            world.attempt(play)
        assert world.slots is not None
        assert len(world.slots.calls) <= 6


class TestDriversThatDie:
    """A trial that kills its driver neither runs forever nor makes other trials fail."""

    def kills(self, number: int) -> Callable[[Call], Ending]:
        def play(call: Call) -> Ending:
            if call.trial.number == number:
                raise EngineGone
            return Ending.ok(0.5, after_s=5.0)

        return play

    def test_the_trial_fails_after_its_tries_and_the_study_continues(self) -> None:
        world = World()
        for _ in range(3):
            with pytest.raises(EngineGone):
                world.attempt(self.kills(2), capacity=4, max_evals=8)
        assert world.attempt(self.kills(2), capacity=4, max_evals=8) is StopReason.MAX_EVALS
        assert world.numbers(FAILED) == [2]
        assert world.numbers(OK) == [0, 1, 3, 4, 5, 6, 7]
        error = world.trials[2].error
        assert error is not None
        assert error.kind is FailureKind.LOST
        assert "its driver died in each of 3 tries" in error.message

    def test_an_attempt_that_closed_in_order_counts_against_no_trial(self) -> None:
        world = World()
        for _ in range(5):
            tuner = world.tuner(SimulatedBackend(world.clock, self.kills(0), capacity=1))
            with pytest.raises(EngineGone):
                tuner.run()
            world.recorder.close(StopReason.KILLED)
        assert world.trials[0].state is RUNNING
        assert world.attempt() is StopReason.MAX_EVALS
        assert world.numbers(OK) == list(range(10))


class TestStarts:
    """Given configurations run before the sampler's, each once."""

    STARTS = tuple(Start(Suggestion({"x": x}, {"x": x}), TrialOrigin.GIVEN) for x in (0.75, 0.25, 0.75))

    def test_they_run_first_and_record_their_origin(self) -> None:
        world = World()
        world.tuner(SimulatedBackend(world.clock, by_x, capacity=2), starts=self.STARTS, max_evals=5).run()
        assert [world.trials[number].params["x"] for number in range(3)] == [0.75, 0.25, 0.75]
        origins = [world.trials[number].origin.value for number in range(5)]
        assert origins == ["given", "given", "given", "sampler", "sampler"]
        by = [world.trials[number].suggested_by for number in range(5)]
        assert by == [None, None, None, "digest", "digest"]

    def test_a_resumed_study_runs_the_rest_of_them(self) -> None:
        world = World()
        slots = SimulatedBackend(world.clock, by_x, capacity=1)
        tuner = world.tuner(slots, starts=self.STARTS, max_evals=5)
        stop_after(slots, 1)
        with pytest.raises(EngineGone):
            tuner.run()
        world.tuner(SimulatedBackend(world.clock, by_x, capacity=1), starts=self.STARTS, max_evals=5).run()
        assert [world.trials[number].params["x"] for number in range(3)] == [0.75, 0.25, 0.75]
        assert world.numbers(OK) == [0, 1, 2, 3, 4]


class TestResume:
    def test_interrupted_trials_run_again_first_with_the_same_number_and_params(self) -> None:
        world = World()
        slots = SimulatedBackend(world.clock, lasting, capacity=3)
        tuner = world.tuner(slots)
        stop_after(slots, 4)
        with pytest.raises(EngineGone):
            tuner.run()
        before = world.trials
        running = world.numbers(RUNNING)
        world.attempt(lasting, capacity=3)
        assert world.slots is not None
        again = world.slots.calls[: len(running)]
        assert [call.trial.number for call in again] == running
        assert [call.params for call in again] == [before[number].params for number in running]
        assert {call.trial.tries for call in again} == {2}
        assert world.numbers(OK) == list(range(10))
        kept = [number for number, trial in before.items() if trial.state is OK]
        assert all(world.trials[number] == before[number] for number in kept)

    def test_a_complete_study_runs_no_trial(self) -> None:
        world = World()
        world.attempt()
        before = world.params
        assert world.attempt() is StopReason.MAX_EVALS
        assert world.slots is not None
        assert world.slots.calls == []
        assert world.params == before

    def test_a_higher_max_evals_continues_the_study(self) -> None:
        whole, parts = World(), World()
        whole.attempt(max_evals=10)
        parts.attempt(max_evals=4)
        parts.attempt(max_evals=10)
        assert parts.params == whole.params

    def test_a_lower_max_evals_leaves_no_trial_running(self) -> None:
        world = World()
        slots = SimulatedBackend(world.clock, by_x, capacity=3)
        tuner = world.tuner(slots)
        stop_after(slots, 6)
        with pytest.raises(EngineGone):
            tuner.run()
        assert len(world.numbers(RUNNING)) == 3
        assert world.attempt(max_evals=5) is StopReason.MAX_EVALS
        assert (len(world.numbers(OK)), world.numbers(RUNNING)) == (6, [])

    def test_the_sampler_ignores_trials_cancelled_at_the_end(self) -> None:
        world = World()
        world.attempt(lasting, capacity=3, timeout=3.5)
        cancelled = world.numbers(CANCELLED)
        world.attempt(lasting, capacity=3, timeout=100)
        assert cancelled
        assert not set(cancelled) & set(world.sampler.trials)
        assert len(world.numbers(OK)) == 10
        assert world.numbers(CANCELLED) == cancelled

    def test_the_sampler_gets_the_history_in_order_of_numbers(self) -> None:
        world = World()
        world.attempt(lambda call: Ending.ok(0.5, after_s=10.0 - call.trial.number), capacity=5, max_evals=5)
        told: list[int] = []

        class RecordingSampler(DigestSampler):
            def tell(self, trial: Trial) -> None:
                told.append(trial.number)

        world.attempt(max_evals=5, sampler=RecordingSampler())
        assert told == [0, 1, 2, 3, 4]


class TestTime:
    def test_a_trial_starts_when_it_is_submitted(self) -> None:
        """Its start is not the time of ask, because trials share a commit, which takes time."""
        world = World()

        class Slow(MemoryStorage):
            def write(self, name: str, data: bytes) -> None:
                world.clock.pass_to(world.clock() + 2.0)
                super().write(name, data)

        world.storage = Slow()
        world.attempt(max_evals=3)
        took = [(trial.end or 0) - (trial.start or 0) for trial in world.trials.values()]
        assert took == [1.0, 1.0, 1.0]
        result = summary(world.storage.study())
        assert result["trials_s"] == 3.0
        assert result["timing"]["journal_s"] >= 6 * 2.0

    def test_slots_count_while_they_exist(self) -> None:
        """One slot for 20 s and four for 10 s are fully used, then half of them."""
        world = World()
        slots = SimulatedBackend(world.clock, by_x, capacity=lambda now: 1 if now < 1_020 else 4)
        world.attempt(slots=slots, max_evals=60)
        assert summary(world.storage.study())["utilisation"] == 1.0
        world.clock.pass_to(9_000)
        world.attempt(lambda _: Ending(1.0, lost="gone") if world.clock() < 9_060 else Ending.ok(0.5),
                      max_evals=120, max_trial_retries=100)  # fmt: skip
        assert summary(world.storage.study())["utilisation"] == round(120 / (60 + 120), 4)

    def test_preparation_is_timed_separately_and_uses_no_slots(self) -> None:
        world = World()
        tuner = world.tuner(SimulatedBackend(world.clock, by_x, capacity=2), max_evals=4)
        with world.recorder.watch.on("prepare"):
            world.clock.pass_to(world.clock() + 3_600.0)
        world.recorder.close(tuner.run())
        result = summary(world.storage.study())
        assert result["timing"] == {"prepare_s": 3_600.0, "ask_s": 0.0, "wait_s": 2.0, "journal_s": 0.0}
        assert (result["elapsed_s"], result["utilisation"]) == (3_602.0, 1.0)

    def test_time_is_summed_over_all_attempts_including_killed_ones(self) -> None:
        world = World()
        slots = SimulatedBackend(world.clock, by_x, capacity=1)
        tuner = world.tuner(slots, max_evals=100)
        stop_at(slots, world.clock, 1_090)
        with pytest.raises(EngineGone):
            tuner.run()
        world.attempt(max_evals=100)
        result = summary(world.storage.study())
        assert result["elapsed_s"] == 100.0
        assert 100.0 - ALIVE_S <= result["timing"]["wait_s"] <= 100.0


class TestClosing:
    def test_an_end_that_could_not_be_written_at_once_still_counts(self) -> None:
        """An error in the last commit does not lose the result."""
        world = World()
        tuner = world.tuner(SimulatedBackend(world.clock, by_x, capacity=1))
        reason = tuner.run()

        def full(name: str, data: bytes) -> None:
            raise StorageUnavailable("the disk is full")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.storage, "write", full)
            with pytest.raises(StorageUnavailable):
                world.recorder.close(reason)
        world.recorder.close(StopReason.ERROR, error=describe(StorageUnavailable("the disk is full")))
        assert world.storage.study().result_stands


class NotIterable(dict[int, Trial]):
    """A dict of trials that raises if it is iterated."""

    def _refuse(self) -> NoReturn:
        raise AssertionError("a step went through all trials")

    __iter__ = values = items = keys = _refuse  # type: ignore[assignment]


def test_the_cost_of_a_step_does_not_grow_with_the_trials() -> None:
    """The test counts accesses, not time."""
    world = World()
    slots = SimulatedBackend(world.clock, lasting, capacity=50)
    tuner = world.tuner(slots, max_evals=500, trial_timeout=50.0, sampler=PlainSampler())
    report = ProgressLog(world.recorder.study)
    tuner._on_trial = report.trial
    trials = world.recorder.study.trials = NotIterable()
    while tuner._rules.reached() is None:
        tuner._fill()
        tuner._collect(tuner._wait(until=tuner._slots.next_due))
    assert len(trials) == 500
