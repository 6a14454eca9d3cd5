"""Lost workers, failed trials and dead drivers affect no other trials."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from airflow_sparktune.driver.engines.base import LaneEvent
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import FailureKind, Trial, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import EngineGone, World, by_x, raises

OK, FAILED, CANCELLED, RUNNING = TrialState.OK, TrialState.FAILED, TrialState.CANCELLED, TrialState.RUNNING


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

        world.attempt(play, max_evals=3, limits={"max_trial_retries": 1})
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

        world.attempt(play, max_evals=1, limits={"trial_timeout": 1.0})
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

    @pytest.mark.parametrize(
        "limit", [{"limits": {"max_failures": 1}}, {"limits": {"no_progress": 2}}, {"timeout": 2.0}]
    )
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

    @pytest.mark.parametrize("limit", [{"max_evals": 5}, {"max_evals": 20, "limits": {"max_failures": 4}}])
    def test_a_limit_counts_failures_of_earlier_attempts_too(self, limit: dict[str, int]) -> None:
        world = World()
        with pytest.raises(ObjectiveError):
            world.attempt(lambda _: raises(), **limit)
        with pytest.raises(ObjectiveError, match=r"all 5 that ended have failed.*ValueError: no"):
            world.attempt(**limit)
        assert world.slots is not None
        assert world.slots.calls == []

    def test_a_pruned_trial_counts_but_is_neither_a_failure_nor_a_result(self) -> None:
        """The reply says how the trial ended. No limit on losses or failures sees a pruned trial."""
        world = World()

        def play(call: Call) -> Ending:
            pruned = Ending(1.0, reply=Reply(1.0, TrialState.PRUNED, info={"epochs": 3}))
            return by_x(call) if call.trial.number == 9 else pruned

        reason = world.attempt(play, max_evals=10, limits={"max_failures": 0, "loss_threshold": -1.0})
        assert reason is StopReason.MAX_EVALS
        assert (world.numbers(TrialState.PRUNED), world.numbers(OK)) == (list(range(9)), [9])
        assert (world.trials[0].loss, world.trials[0].error) == (None, None)
        assert world.trials[0].info == {"epochs": 3}

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

        class Late(SimulatedLane):
            def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
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
            tuner = world.tuner(SimulatedLane(world.clock, self.kills(0), capacity=1))
            with pytest.raises(EngineGone):
                tuner.run()
            world.recorder.close(StopReason.KILLED)
        assert world.trials[0].state is RUNNING
        assert world.attempt() is StopReason.MAX_EVALS
        assert world.numbers(OK) == list(range(10))
