"""The base class of engines: it keeps the open lanes, and divides the slots among them."""

from __future__ import annotations

import math
import threading
from time import monotonic
from typing import Protocol, TypeVar

from airflow_sparktune.driver.engines.base import Charge, Engine, Lane
from airflow_sparktune.driver.engines.share import TAKE_S, Share, neediest, split
from airflow_sparktune.driver.engines.slot_time import SlotTime

# Seconds for each lane between two splits of what the application is charged for slots.
SPLIT_S = 0.01


class SharingLane(Lane, Protocol):
    """A lane as its engine sees it."""

    share: Share

    def wake(self) -> None:
        """Make `events` return soon, because the lane's slots may have changed."""

    def interrupt(self, error: BaseException) -> None:
        """Start no more trials, and make `events` raise `error`. Safe in a signal handler."""


L = TypeVar("L", bound=SharingLane)


class SharingEngine(Engine):
    """Keeps the open lanes, and gives each free slot to one of them (see `neediest`).

    Their trials together fill at most `parallelism` slots, None for as many as there are. A lane alone may
    submit more trials than there are slots: they wait inside the engine.
    """

    def __init__(self, *, parallelism: int | None = None) -> None:
        # Replaced and never changed, so that a signal handler and other threads read it without a lock.
        self._lanes: tuple[SharingLane, ...] = ()
        self._changing = threading.Lock()
        self._error: BaseException | None = None
        self._parallelism = math.inf if parallelism is None else parallelism
        self._slots_seen = 0
        self._looked_at = -math.inf  # for slots that are not taken
        self._time = SlotTime()
        self._split_s, self._split_at = 0.0, -math.inf  # what the lanes have been charged together, and when

    @property
    def studies(self) -> int:
        """Return the number of open lanes."""
        return len(self._lanes)

    def admit(self, lane: L) -> L:
        """Open a lane."""
        with self._changing:
            self._lanes = (*self._lanes, lane)
        # An interrupt that came before the lane was among them has missed it.
        if self._error is not None:
            lane.interrupt(self._error)
        return lane

    def release(self, lane: SharingLane) -> None:
        """Give the slots of a closed lane to the others."""
        self._split_at = -math.inf
        self.charge_of(lane)
        with self._changing:
            if lane not in self._lanes:
                return
            self._lanes = tuple(other for other in self._lanes if other is not lane)
        self._deal()
        if len(self._lanes) == 1:  # its capacity may have grown
            self._lanes[0].wake()

    def capacity_of(self, lane: SharingLane, slots: int) -> int:
        """Return how many of `slots` slots a lane may fill if no other lane needs them."""
        lanes = self._lanes
        if lane not in lanes:
            return 0
        most = min(lane.share.most, self._parallelism)
        if len(lanes) > 1:
            most = min(most, slots)
        return slots if math.isinf(most) else int(most)

    def room_of(self, lane: SharingLane, *, wanted: float, capacity: int, slots: int) -> int:
        """Return how many trials a lane may start now; `slots` counts the slots for its tasks."""
        share = lane.share
        with self._changing:
            share.want(wanted)
            self._slots_seen = slots
        if self._lanes == (lane,):
            share.held = share.running
            return max(int(min(capacity, wanted)) - share.running, 0)
        self._deal(asks=lane)
        return share.held - share.running if lane in self._lanes else 0

    def begin(self, lane: SharingLane, number: int) -> None:
        """Count a trial that starts in a lane."""
        with self._changing:
            lane.share.begin(number)

    def end(self, lane: SharingLane, number: int) -> None:
        """Count the end of a trial of a lane, and give its slot to a lane; a second call does nothing."""
        with self._changing:
            lane.share.end(number)
        self._deal()

    def _deal(self, *, asks: SharingLane | None = None) -> None:
        """Give each free slot to a lane, and wake the lane, unless it `asks` at this moment."""
        given = list[SharingLane]()
        with self._changing:
            self._take_back()
            free = min(self._slots_seen, self._parallelism) - sum(lane.share.held for lane in self._lanes)
            lanes = {lane.share: lane for lane in self._lanes} if free > 0 else {}
            while free > 0 and (first := neediest(tuple(lanes))) is not None:
                first.give()
                given.append(lanes[first])
                free -= 1
        for lane in given:
            if lane is not asks:
                lane.wake()

    def _take_back(self) -> None:
        if (now := monotonic()) - self._looked_at >= TAKE_S:
            self._looked_at = now
            for lane in self._lanes:
                lane.share.take_back()

    def charge_of(self, lane: SharingLane) -> Charge:
        """Return what a lane is charged for slots (see Lane.charge): its part of the application's charge."""
        lanes, now = self._lanes, monotonic()
        # A study that wants no more trials records its charge for the last time.
        if lane in lanes and (not lane.share.wanted or now - self._split_at >= SPLIT_S * (len(lanes) - 1)):
            total = self.charge()
            with self._changing:
                slot_s = max(total.slot_s, self._split_s)  # another thread may have read it later
                split(slot_s - self._split_s, total.slots, [each.share for each in lanes])
                self._split_s, self._split_at = slot_s, now
        return lane.share.charged

    def charge(self) -> Charge:
        """Return what the application costs."""
        self._time.change(self.slots)
        return self._time.charge

    def interrupt(self, error: BaseException) -> None:
        self._error = error
        for lane in self._lanes:
            lane.interrupt(error)

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()
