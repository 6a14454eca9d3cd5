"""If someone removes the folder of a running study, no finished trial is lost."""

from __future__ import annotations

import pytest

from airflow_sparktune.driver.recorder import ALIVE_S
from airflow_sparktune.errors import Superseded
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import EngineGone, World, by_x, spec, stop_at
from tests.study.journal_samples import follow, opened, write


def removing(world: World, *, at: float, then: object = None) -> object:
    """Return an objective of one second whose study is removed once the clock has passed `at`."""
    left = [at]

    def play(call: Call) -> Ending:
        if left and world.clock() >= left[0]:
            left.pop()
            world.storage.files.clear()
            if callable(then):
                then()
        return by_x(call)

    return play


def test_a_finished_study_has_all_trials_and_attempts(caplog: pytest.LogCaptureFixture) -> None:
    """Also those of the earlier attempt, of which the driver knows only what it has read."""
    world = World()
    world.interrupt(by_x, capacity=2, ends=6, max_evals=20)
    elapsed_s = world.storage.study().elapsed_s
    play = removing(world, at=world.clock() + 3.0)
    assert world.attempt(play, capacity=2, max_evals=20) is StopReason.MAX_EVALS
    found = world.storage.study()
    assert world.numbers(TrialState.OK) == list(range(20))
    assert [attempt.number for attempt in found.attempts] == [1, 2]
    assert found.elapsed_s > elapsed_s
    assert found.result_stands
    assert "the study's folder was removed while its driver ran" in caplog.text


def test_a_driver_that_dies_later_has_written_everything_again() -> None:
    world = World()
    slots = SimulatedLane(world.clock, removing(world, at=1_100.0), capacity=1)
    tuner = world.tuner(slots, max_evals=200)
    stop_at(slots, world.clock, 1_100.0 + 2 * ALIVE_S)
    with pytest.raises(EngineGone):
        tuner.run()
    known = [number for number, each in world.recorder.study.trials.items() if each.state is TrialState.OK]
    assert len(known) > 100
    assert world.numbers(TrialState.OK) == known
    assert world.attempt(max_evals=200) is StopReason.MAX_EVALS
    assert world.numbers(TrialState.OK) == list(range(200))


def test_a_segment_that_is_listed_but_missing_does_not_stop_a_driver() -> None:
    """An object store may list it before it can be read."""
    world = World()
    world.interrupt(by_x, capacity=1, ends=3, max_evals=5)
    last = max(world.storage.files)
    read = world.storage.read

    def missing(name: str) -> bytes:
        if name == last:
            raise FileNotFoundError(name)
        return read(name)

    world.storage.read = missing  # type: ignore[method-assign]
    world.tuner(SimulatedLane(world.clock, by_x, capacity=1), max_evals=5).run()
    assert sorted(world.recorder.study.trials) == list(range(5))


def test_a_study_that_another_driver_has_begun_anew_is_left_to_it() -> None:
    """Otherwise the old driver would take the study over from the new one."""
    world = World()
    world.interrupt(by_x, capacity=1, ends=2, max_evals=5)

    def begin_anew() -> None:
        write(world.storage, 1, [opened(spec=spec(max_evals=5))], stream="0001-ffffffff")

    with pytest.raises(Superseded, match="0001-ffffffff has begun the study anew"):
        world.attempt(removing(world, at=world.clock(), then=begin_anew), max_evals=5)
    assert [attempt.number for attempt in follow(world.storage).study.attempts] == [1]
