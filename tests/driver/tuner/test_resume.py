"""A new attempt continues the study, and the journal has the time of all attempts."""

from __future__ import annotations

import json

import pytest

from airflow_sparktune.driver.loop.trial_queue import Start
from airflow_sparktune.driver.recorder import ALIVE_S, Recorder
from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.errors import StorageUnavailable, describe
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import (
    DigestSampler,
    EngineGone,
    MemoryStorage,
    World,
    by_x,
    lasting,
    stop_at,
)
from tests.study.journal_samples import SPEC, follow, losses, opened, trial, write

OK, CANCELLED, RUNNING = TrialState.OK, TrialState.CANCELLED, TrialState.RUNNING


class TestStarts:
    """Given configurations run before the sampler's, each once."""

    STARTS = tuple(Start(Suggestion({"x": x}, {"x": x}), TrialOrigin.GIVEN) for x in (0.75, 0.25, 0.75))

    def test_they_run_first_and_record_their_origin(self) -> None:
        world = World()
        world.tuner(SimulatedLane(world.clock, by_x, capacity=2), starts=self.STARTS, max_evals=5).run()
        assert [world.trials[number].params["x"] for number in range(3)] == [0.75, 0.25, 0.75]
        origins = [world.trials[number].origin.value for number in range(5)]
        assert origins == ["given", "given", "given", "sampler", "sampler"]
        by = [world.trials[number].suggested_by for number in range(5)]
        assert by == [None, None, None, "digest", "digest"]

    def test_a_resumed_study_runs_the_rest_of_them(self) -> None:
        world = World()
        world.interrupt(by_x, capacity=1, ends=1, starts=self.STARTS, max_evals=5)
        world.tuner(SimulatedLane(world.clock, by_x, capacity=1), starts=self.STARTS, max_evals=5).run()
        assert [world.trials[number].params["x"] for number in range(3)] == [0.75, 0.25, 0.75]
        assert world.numbers(OK) == [0, 1, 2, 3, 4]


class TestResume:
    def test_interrupted_trials_run_again_first_with_the_same_number_and_params(self) -> None:
        world = World()
        world.interrupt(lasting, capacity=3, ends=4)
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
        world.interrupt(by_x, capacity=3, ends=6)
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

    def test_the_sampler_learns_from_the_trials_in_the_order_in_which_they_ended(self) -> None:
        """A later attempt tells them in the same order, each once, and then those that were running."""

        class RecordingSampler(DigestSampler):
            def __init__(self) -> None:
                super().__init__()
                self.told: list[tuple[int, str]] = []

            def tell(self, trial: Trial) -> None:
                super().tell(trial)
                self.told.append((trial.number, trial.state.value))

        world, first, second = World(), RecordingSampler(), RecordingSampler()
        world.interrupt(lasting, capacity=3, ends=4, sampler=first)
        ends = [(number, state) for number, state in first.told if state == "ok"]
        assert ends != sorted(ends)
        running = [(number, "running") for number in world.numbers(RUNNING)]
        world.attempt(lasting, capacity=3, sampler=second)
        assert second.told[: len(ends + running)] == ends + running


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
        assert result.trials_s == 3.0
        assert result.timing["journal_s"] >= 6 * 2.0

    def test_slots_count_while_they_exist(self) -> None:
        """One slot for 20 s and four for 10 s are fully used, then half of them."""
        world = World()
        slots = SimulatedLane(world.clock, by_x, capacity=lambda now: 1 if now < 1_020 else 4)
        world.attempt(slots=slots, max_evals=60)
        assert summary(world.storage.study()).utilisation == 1.0
        world.clock.pass_to(9_000)
        world.attempt(lambda _: Ending(1.0, lost="gone") if world.clock() < 9_060 else Ending.ok(0.5),
                      max_evals=120, limits={"max_trial_retries": 100})  # fmt: skip
        assert summary(world.storage.study()).utilisation == round(120 / (60 + 120), 4)

    def test_preparation_is_timed_separately_and_uses_no_slots(self) -> None:
        world = World()
        tuner = world.tuner(SimulatedLane(world.clock, by_x, capacity=2), max_evals=4)
        with world.recorder.watch.on("prepare"):
            world.clock.pass_to(world.clock() + 3_600.0)
        world.recorder.close(tuner.run())
        result = summary(world.storage.study())
        assert result.timing == {"prepare_s": 3_600.0, "ask_s": 0.0, "wait_s": 2.0, "journal_s": 0.0}
        assert (result.elapsed_s, result.utilisation) == (3_602.0, 1.0)

    def test_time_is_summed_over_all_attempts_including_killed_ones(self) -> None:
        world = World()
        slots = SimulatedLane(world.clock, by_x, capacity=1)
        tuner = world.tuner(slots, max_evals=100)
        stop_at(slots, world.clock, 1_090)
        with pytest.raises(EngineGone):
            tuner.run()
        world.attempt(max_evals=100)
        result = summary(world.storage.study())
        assert result.elapsed_s == 100.0
        assert 100.0 - ALIVE_S <= result.timing["wait_s"] <= 100.0


class TestTakingOver:
    """Between the reading of a journal and the opening of an attempt, an older driver may go on."""

    def test_its_results_are_taken_over(self) -> None:
        storage = MemoryStorage()
        older = write(storage, 1, [opened()], [trial(0)])
        follower = follow(storage)
        older.append(trial(0, 0.5))
        older.commit()
        recorder = self.open(storage, follower)
        assert (recorder.attempt, losses(recorder.study)) == (2, {0: 0.5})
        assert losses(storage.study()) == {0: 0.5}

    def test_an_attempt_that_has_begun_is_taken_over(self) -> None:
        storage = MemoryStorage()
        write(storage, 1, [opened()])
        follower = follow(storage)
        write(storage, 2, [opened(2, takes=follower.prefix)], [trial(0, 0.5)])
        recorder = self.open(storage, follower)
        assert (recorder.attempt, losses(recorder.study)) == (3, {0: 0.5})
        assert losses(storage.study()) == {0: 0.5}

    def open(self, storage: MemoryStorage, follower: StudyFollower) -> Recorder:
        return Recorder.open(storage, follower, spec=SPEC, seed=1, dimensions=(), take_over=True)


class TestClosing:
    def test_an_end_that_could_not_be_written_at_once_still_counts(self) -> None:
        """An error in the last commit does not lose the result."""
        world = World()
        tuner = world.tuner(SimulatedLane(world.clock, by_x, capacity=1))
        reason = tuner.run()

        def full(name: str, data: bytes) -> None:
            raise StorageUnavailable("the disk is full")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.storage, "write", full)
            with pytest.raises(StorageUnavailable):
                world.recorder.close(reason)
        world.recorder.close(StopReason.ERROR, error=describe(StorageUnavailable("the disk is full")))
        assert world.storage.study().result_stands
