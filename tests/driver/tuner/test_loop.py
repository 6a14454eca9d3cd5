"""The tuner fills slots, does its steps in order, and ends with the errors of its components."""

from __future__ import annotations

import math
from collections import Counter
from typing import NoReturn

import pytest

from airflow_sparktune.driver.loop.supply import trial_seed
from airflow_sparktune.driver.progress_log import ProgressLog
from airflow_sparktune.driver.samplers.base import Exhausted, Suggestion
from airflow_sparktune.errors import ObjectiveError, Superseded
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import (
    SEED,
    DigestSampler,
    EngineGone,
    PlainSampler,
    World,
    by_x,
    lasting,
    raises,
)

OK, FAILED, CANCELLED, RUNNING = TrialState.OK, TrialState.FAILED, TrialState.CANCELLED, TrialState.RUNNING


class SlowSampler(DigestSampler):
    """Takes half a second of the world's time for each suggestion."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._clock = world.clock

    def ask(self, number: int, *, seed: int) -> Suggestion:
        self._clock.pass_to(self._clock() + 0.5)
        return super().ask(number, seed=seed)


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

        world.attempt(capacity=4, max_evals=4, sampler=SlowSampler(world))
        starts = [world.trials[number].start for number in range(4)]
        assert starts == [1_000.5, 1_001.0, 1_001.5, 1_002.0]
        assert world.recorder.study.timing["ask_s"] == 2.0

    def test_slow_suggestions_do_not_delay_results(self) -> None:
        """While slots are filled, ends are recorded and trial_timeout expires between two asks."""
        world = World()

        def play(call: Call) -> Ending:
            return Ending.ok(0.5, after_s=100.0 if call.trial.number == 1 else 0.75)

        world.attempt(
            play, capacity=10, max_evals=10, limits={"trial_timeout": 2.0}, sampler=SlowSampler(world)
        )
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
        world.interrupt(lasting, capacity=20, ends=2, sampler=FourPoints())
        assert world.numbers(RUNNING)
        assert world.attempt(lasting, capacity=20, sampler=FourPoints()) is StopReason.EARLY_STOP
        assert world.numbers(OK) == [0, 1, 2, 3]
        assert world.attempt(lasting, max_evals=6) is StopReason.MAX_EVALS

    def test_exhaustion_does_not_hide_that_all_trials_failed(self) -> None:
        with pytest.raises(ObjectiveError, match="all 4 that ended have failed"):
            World().attempt(lambda _: raises(), sampler=FourPoints())


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
        slots = SimulatedLane(
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


class NotIterable(dict[int, Trial]):
    """A dict of trials that raises if it is iterated."""

    def _refuse(self) -> NoReturn:
        raise AssertionError("a step went through all trials")

    __iter__ = values = items = keys = _refuse  # type: ignore[assignment]


def test_the_cost_of_a_step_does_not_grow_with_the_trials() -> None:
    """The test counts accesses, not time."""
    world = World()
    slots = SimulatedLane(world.clock, lasting, capacity=50)
    tuner = world.tuner(slots, max_evals=500, limits={"trial_timeout": 50.0}, sampler=PlainSampler())
    report = ProgressLog(world.recorder.study)
    tuner._on_trial = report.trial
    trials = world.recorder.study.trials = NotIterable()
    while tuner._rules.reached() is None:
        tuner._fill()
        tuner._collect(tuner._wait(until=tuner._slots.next_due))
    assert len(trials) == 500
