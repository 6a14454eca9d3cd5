"""The shares of segments in the application's time and slot-hours, by a clock of the test."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.driver.segments.allowance import Allowance, Used
from airflow_sparktune.study.definition import Spec
from benchmarks.simulated import VirtualClock
from tests.driver.world import spec

NEW = Used(0.0, 0.0, ())


def given(**limits: Any) -> Any:
    return spec(timeout=limits.pop("timeout", None), limits=limits)


def test_each_wave_has_the_same_part_of_the_time() -> None:
    """What an earlier one leaves is for the later ones; the last may take all that is left."""
    clock = VirtualClock()
    allowance = Allowance(given(timeout=90.0), [], clock=clock)
    assert allowance.share(given(), NEW, waves=3, waiting=40).timeout == 30.0
    clock.pass_to(clock() + 10.0)
    assert allowance.share(given(), NEW, waves=2, waiting=24).timeout == 40.0
    assert allowance.share(given(), NEW, waves=1, waiting=1).timeout == 80.0


def test_a_limit_of_a_segment_holds_within_the_applications() -> None:
    clock = VirtualClock()
    allowance = Allowance(given(timeout=90.0), [], clock=clock)
    assert allowance.share(given(timeout=50.0), NEW, waves=3, waiting=9).timeout == 50.0
    assert allowance.share(given(timeout=500.0), NEW, waves=3, waiting=9).timeout == 90.0


def test_slot_hours_are_divided_among_the_waiting() -> None:
    """An unspent rest goes back, whoever it was that left it."""
    allowance = Allowance(given(budget_slot_hours=4.0), [])
    first = allowance.share(given(), NEW, waves=1, waiting=4)
    assert first.limits.budget_slot_hours == 1.0
    own = allowance.share(given(budget_slot_hours=0.5), NEW, waves=1, waiting=3)
    assert own.limits.budget_slot_hours == 0.5
    assert allowance.share(given(), NEW, waves=1, waiting=2).limits.budget_slot_hours == 1.25
    allowance.ended(first, NEW, 0.5 * 3600)
    assert allowance.share(given(), NEW, waves=1, waiting=1).limits.budget_slot_hours == pytest.approx(1.75)
    assert allowance.used_up


def test_a_retry_goes_on_with_what_is_left() -> None:
    """Segments that ran at the same time have used the time once; each pays for its slots."""
    clock = VirtualClock()
    known = [Used(40.0, 1800.0, ((0.0, 40.0),)), Used(50.0, 1800.0, ((10.0, 60.0),))]
    allowance = Allowance(given(timeout=90.0, budget_slot_hours=3.0), known, clock=clock)
    again = allowance.share(given(), known[1], waves=1, waiting=2)
    assert again.timeout == 50.0 + 30.0
    assert again.limits.budget_slot_hours == 0.5 + 1.0
    clock.pass_to(clock() + 30.0)
    assert allowance.used_up


def test_without_limits_there_are_no_shares() -> None:
    allowance = Allowance(given(), [NEW])
    shared = allowance.share(given(), NEW, waves=1, waiting=1)
    allowance.ended(shared, NEW, 10.0)
    assert (shared.timeout, shared.limits.budget_slot_hours) == (None, None)
    assert not allowance.used_up


def test_a_segments_own_budget_holds_within_the_applications() -> None:
    """It is given no more than is left, and what it has used is not left for others."""
    allowance = Allowance(given(budget_slot_hours=1.0), [])
    own = allowance.share(given(budget_slot_hours=5.0), NEW, waves=1, waiting=2)
    assert own.limits.budget_slot_hours == 1.0
    allowance.ended(own, NEW, 1.0 * 3600)
    assert allowance.used_up


def test_a_segment_that_has_used_more_than_its_own_budget_takes_nothing() -> None:
    used = Used(40.0, 1.5 * 3600, ())
    allowance = Allowance(given(budget_slot_hours=4.0), [used])
    own = allowance.share(given(budget_slot_hours=1.0), used, waves=1, waiting=2)
    allowance.ended(own, used, used.slot_s)
    assert allowance.share(given(), NEW, waves=1, waiting=1).limits.budget_slot_hours == pytest.approx(2.5)


def test_nothing_left_is_a_share_of_nothing() -> None:
    """A segment of an earlier try ends with what it has."""
    clock, used = VirtualClock(), Used(100.0, 3600.0, ((0.0, 100.0),))
    allowance = Allowance(given(timeout=90.0, budget_slot_hours=0.5), [used], clock=clock)
    again = allowance.share(given(), used, waves=1, waiting=2)
    assert (again.timeout, again.limits.budget_slot_hours) == pytest.approx((100.0, 1.0))
    new = allowance.share(given(), NEW, waves=1, waiting=1)
    assert (new.timeout, new.limits.budget_slot_hours) == pytest.approx((0.0, 0.0), abs=1e-5)
    Spec.from_json(new.to_json())  # a driver can write it
