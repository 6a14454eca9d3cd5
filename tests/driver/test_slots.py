from __future__ import annotations

import math

from airflow_sparktune.driver.loop.slots import Slots
from airflow_sparktune.study.trial import Trial
from benchmarks.simulated import VirtualClock


def started(slots: Slots, number: int) -> Trial:
    trial = Trial(number=number, params={}, point={}, slot=slots.take())
    slots.start(trial)
    return trial


def test_a_cancelled_trial_keeps_its_slot_until_it_reports() -> None:
    slots = Slots(trial_timeout=None, clock=VirtualClock())
    trial = started(slots, 4)
    assert slots.cancel(4) is trial
    assert (list(slots.running), slots.occupied) == ([], 1)
    assert slots.take() == 1
    assert slots.vacate(4) is None
    assert (slots.occupied, slots.take()) == (0, 0)


def test_an_unknown_trial_frees_no_slot() -> None:
    slots = Slots(trial_timeout=None, clock=VirtualClock())
    trial = started(slots, 0)
    assert slots.vacate(1) is None
    assert slots.vacate(0) is trial
    assert slots.vacate(0) is None
    assert (slots.take(), slots.take()) == (0, 1)


def test_the_wait_inside_spark_extends_the_timeout() -> None:
    clock = VirtualClock(at=100.0)
    slots = Slots(trial_timeout=10.0, clock=clock)
    started(slots, 0)
    started(slots, 1)
    assert slots.next_due == 110.0
    clock.pass_to(110.0)
    assert slots.overdue({0: 10.0, 1: 4.0}.get) == [0]
    slots.cancel(0)
    assert slots.next_due == 116.0


def test_without_a_timeout_no_trial_is_due() -> None:
    clock = VirtualClock()
    slots = Slots(trial_timeout=None, clock=clock)
    started(slots, 0)
    clock.pass_to(1e9)
    assert (slots.next_due, slots.overdue(lambda _: 1e9)) == (math.inf, [])
