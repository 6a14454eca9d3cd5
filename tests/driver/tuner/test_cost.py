"""What a study is charged for slots: those that exist, whether trials fill them or not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airflow_sparktune.study.result import Summary, summary
from airflow_sparktune.study.result.slot_use import slot_use
from airflow_sparktune.study.stopping import StopReason
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import EngineGone, MemoryStorage, World, stop_at

HOUR_S = 3600.0


def lane(world: World, *, capacity: int, slots: int, after_s: float = 1.0) -> SimulatedLane:
    """Return a lane of `slots` slots whose trials beyond them wait inside the engine."""
    queued_s = after_s * (capacity / slots - 1) if capacity > slots else 0.0
    return SimulatedLane(
        world.clock,
        lambda call: replace(Ending.ok(call.params["x"], after_s=after_s), queued_s=queued_s),
        capacity=capacity,
        slots=slots,
    )


def result(world: World) -> Summary:
    return summary(world.storage.study())


def as_before(storage: MemoryStorage) -> None:
    """Rewrite a journal as it was before events had `reserved`."""
    for stream in storage.names("attempts"):
        for name in storage.names(f"attempts/{stream}"):
            path = f"attempts/{stream}/{name}"
            events = [json.loads(line) for line in storage.read(path).splitlines()]
            old = [{key: value for key, value in event.items() if key != "reserved"} for event in events]
            storage.write(path, "".join(json.dumps(event) + "\n" for event in old).encode())


def test_trials_that_wait_inside_the_engine_have_no_slot() -> None:
    world = World()
    world.attempt(slots=lane(world, capacity=8, slots=2), max_evals=16)
    study = world.storage.study()
    assert study.slots == 2
    assert study.slots_s == 2 * study.elapsed_s


def test_slots_that_no_trial_may_fill_are_charged() -> None:
    world = World()
    world.attempt(slots=lane(world, capacity=4, slots=32, after_s=HOUR_S), max_evals=8)
    found = result(world)
    assert found.slots == 4
    assert (found.reserved_slot_hours, found.used_slot_hours, found.utilisation) == (64.0, 8.0, 0.125)


def test_the_budget_counts_reserved_slots() -> None:
    world = World()
    slots = lane(world, capacity=4, slots=32, after_s=60.0)
    reason = world.attempt(slots=slots, max_evals=None, limits={"budget_slot_hours": 16})
    assert reason is StopReason.BUDGET
    assert world.storage.study().elapsed_s == pytest.approx(HOUR_S / 2)


def test_slots_are_charged_while_the_study_is_prepared() -> None:
    world = World()
    slots = lane(world, capacity=2, slots=2)
    slots.charge()  # its slots exist from now on
    world.attempt(slots=slots, prepare_s=HOUR_S, max_evals=2)
    assert result(world).reserved_slot_hours == pytest.approx(2.0, abs=0.01)


def test_trials_that_still_run_are_used_time() -> None:
    world = World()
    slots = lane(world, capacity=2, slots=2, after_s=2 * HOUR_S)
    tuner = world.tuner(slots, max_evals=2)
    stop_at(slots, world.clock, world.clock() + HOUR_S)
    with pytest.raises(EngineGone):
        tuner.run()
    found = result(world)
    assert (found.reserved_slot_hours, found.used_slot_hours) == pytest.approx((2.0, 2.0), abs=0.02)


def test_an_attempt_that_died_is_charged_up_to_its_last_event() -> None:
    """The next attempt adds to it, and the time between them is free."""
    world = World()
    slots = lane(world, capacity=1, slots=2, after_s=60.0)
    tuner = world.tuner(slots, max_evals=6)
    stop_at(slots, world.clock, world.clock() + 180.0)
    with pytest.raises(EngineGone):
        tuner.run()
    died = world.storage.study()
    assert died.slots_s == pytest.approx(2 * 180, abs=2 * 1)
    world.clock.pass_to(world.clock() + 9 * HOUR_S)
    world.attempt(slots=lane(world, capacity=1, slots=2, after_s=60.0), max_evals=6)
    study = world.storage.study()
    assert study.slots_s == pytest.approx(died.slots_s + 2 * 60 * 3)
    assert slot_use(study).used_s == pytest.approx(60 * 6)


def test_a_study_that_began_before_keeps_its_charge() -> None:
    """It is charged for the slots that its trials may fill, in its later attempts too."""
    world = World()
    slots = lane(world, capacity=4, slots=32, after_s=60.0)
    tuner = world.tuner(slots, max_evals=None, limits={"budget_slot_hours": 9})
    stop_at(slots, world.clock, world.clock() + 300.0)
    with pytest.raises(EngineGone):
        tuner.run()
    as_before(world.storage)
    assert world.storage.study().slots_s == pytest.approx(4 * 300, abs=8)
    again = lane(world, capacity=4, slots=32, after_s=60.0)
    assert world.attempt(slots=again, max_evals=None, limits={"budget_slot_hours": 1}) is StopReason.BUDGET
    study = world.storage.study()
    assert study.slots_s == pytest.approx(HOUR_S, abs=8)
    assert not study.reserves
