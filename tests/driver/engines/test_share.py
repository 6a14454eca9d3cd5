"""Which lane gets a free slot, and what each is charged, by a clock of the test."""

from __future__ import annotations

import itertools
import math

from airflow_sparktune.driver.engines.base import Charge
from airflow_sparktune.driver.engines.share import TAKE_S, Share, neediest, split
from benchmarks.simulated import VirtualClock


class Lanes:
    """Lanes whose studies want so many trials of so many seconds each, and wait for a slot."""

    def __init__(self, *studies: tuple[float, float], most: int | None = None) -> None:
        self.clock = VirtualClock()
        self.shares = [Share(most=most, clock=self.clock) for _ in studies]
        self.numbers = itertools.count(1)
        end = self.clock() + max(seconds for _, seconds in studies)
        by_start = sorted(zip(self.shares, studies, strict=True), key=lambda each: -each[1][1])
        for share, (_, seconds) in by_start:
            self.clock.pass_to(end - seconds)
            share.begin(0)
        self.clock.pass_to(end)
        for share, (trials, _) in by_start:
            share.end(0)
            share.wanted = trials
            self.wait(share)

    def wait(self, share: Share) -> None:
        share.want(share.wanted)
        share.idle = True

    def given(self, slots: int) -> list[int]:
        """Return how many of so many slots each lane gets."""
        before = [share.held for share in self.shares]
        for _ in range(slots):
            if (share := neediest(self.shares)) is not None:
                share.give()
        return [share.held - held for share, held in zip(self.shares, before, strict=True)]


def test_the_study_with_the_most_expected_time_left_goes_first() -> None:
    """Trials left times their mean time."""
    assert Lanes((10, 1.0), (4, 3.0), (9, 1.0)).given(1) == [0, 1, 0]


def test_slots_are_shared_in_proportion_so_that_all_end_together() -> None:
    assert Lanes((60, 1.0), (20, 1.0), (5, 4.0)).given(10) == [6, 2, 2]


def test_no_study_gets_more_than_it_wants_or_may_have() -> None:
    assert Lanes((9, 1.0), (1, 1.0)).given(12) == [9, 1]
    assert Lanes((9, 1.0), (9, 1.0), most=1).given(4) == [1, 1]
    assert Lanes((0, 1.0)).given(1) == [0]


def test_a_study_without_an_end_shares_too() -> None:
    assert min(Lanes((math.inf, 1.0), (math.inf, 1.0)).given(4)) == 2


def test_a_ready_study_goes_before_a_busy_one() -> None:
    """The slot is not empty while the busy one asks for its next suggestion."""
    lanes = Lanes((90, 1.0), (3, 1.0))
    lanes.shares[0].want(90)
    assert lanes.given(1) == [0, 1]
    assert lanes.given(1) == [1, 0]


def test_no_study_waits_for_ever() -> None:
    """However much more time another one needs."""
    lanes = Lanes((math.inf, 10.0), (1, 0.1))
    large, small = lanes.shares
    for _ in range(100_000):
        lanes.given(1)
        if small.held:
            break
        number = next(lanes.numbers)
        large.begin(number)
        lanes.clock.pass_to(lanes.clock() + 10.0)
        large.end(number)
        lanes.wait(large)
    assert small.held


def test_a_slot_that_is_not_taken_goes_to_another() -> None:
    """Its lane gets none until it asks again: its storage may hang."""
    lanes = Lanes((90, 1.0), (3, 1.0))
    assert lanes.given(1) == [1, 0]
    lanes.clock.pass_to(lanes.clock() + TAKE_S)
    for share in lanes.shares:
        share.take_back()
    assert [share.held for share in lanes.shares] == [0, 0]
    assert lanes.given(1) == [0, 1]
    lanes.shares[0].want(90)
    assert lanes.given(1) == [1, 0]


def test_a_trial_ends_once() -> None:
    """Its slot may be free before its thread has ended."""
    (share,) = Lanes((5, 1.0)).shares
    share.begin(7)
    share.end(7)
    share.end(7)
    assert (share.held, share.running) == (0, 0)


def test_a_study_whose_last_trial_has_ended_gets_no_slot() -> None:
    """Also before it has written the result: the slot would stay empty until then."""
    lanes = Lanes((1, 1.0))
    (share,) = lanes.shares
    assert lanes.given(1) == [1]
    share.begin(1)
    share.end(1)
    assert lanes.given(1) == [0]


def test_the_charge_is_split_by_the_time_of_trials() -> None:
    """Slots that nobody uses are paid by all alike; what was paid together is the application's cost."""
    clock = VirtualClock()
    one, two = shares = [Share(clock=clock), Share(clock=clock)]
    split(8.0, 4, shares)
    assert [share.charged for share in shares] == [Charge(4.0, 2), Charge(4.0, 2)]
    for number in range(3):
        one.begin(number)
    two.begin(0)
    clock.pass_to(clock() + 10.0)
    split(40.0, 4, shares)
    assert [share.charged for share in shares] == [Charge(34.0, 3), Charge(14.0, 1)]
    one.end(0)
    one.end(1)
    clock.pass_to(clock() + 10.0)
    split(40.0, 4, shares)
    assert [share.charged for share in shares] == [Charge(54.0, 2), Charge(34.0, 2)]
