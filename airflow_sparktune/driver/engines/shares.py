"""The base class of engines: it keeps the open lanes, and divides the slots among them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from airflow_sparktune.driver.engines.base import Charge, Lane, Work
from airflow_sparktune.driver.engines.slot_time import SlotTime


class SharingLane(Lane, Protocol):
    """A lane as its engine sees it."""

    def wake(self) -> None:
        """Make `events` return soon, because the capacity may have changed."""

    def interrupt(self, error: BaseException) -> None:
        """Start no more trials, and make `events` raise `error`. Safe in a signal handler."""


L = TypeVar("L", bound=SharingLane)
AnyLane = TypeVar("AnyLane", bound=SharingLane)


class SharingEngine(ABC, Generic[L]):
    """Keeps the open lanes, and gives each an equal share of the slots; a lane alone has them all."""

    def __init__(self) -> None:
        # Replaced and never changed, so that a signal handler and other threads read it without a lock.
        self._lanes: tuple[SharingLane, ...] = ()
        self._changing = threading.Lock()
        self._error: BaseException | None = None
        self._time = SlotTime()

    @abstractmethod
    def start(self) -> None:
        """Start the application, unless it is running."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """Return the number of trials of all lanes that can run at once now."""

    @abstractmethod
    def describe(self) -> Mapping[str, str | None]:
        """Return facts for the journal."""

    @abstractmethod
    def lane(self, work: Work) -> L:
        """Open a lane for a study."""

    @property
    def studies(self) -> int:
        """Return the number of open lanes."""
        return len(self._lanes)

    def admit(self, lane: AnyLane) -> AnyLane:
        """Give a new lane its share, and wake the others."""
        with self._changing:
            others = self._lanes
            self._lanes = (*others, lane)
        for other in others:
            other.wake()
        # An interrupt that came before the lane was among them has missed it.
        if self._error is not None:
            lane.interrupt(self._error)
        return lane

    def release(self, lane: SharingLane) -> None:
        """Divide the share of a closed lane among the others, and wake them."""
        with self._changing:
            if lane not in self._lanes:
                return
            self._lanes = others = tuple(other for other in self._lanes if other is not lane)
        for other in others:
            other.wake()

    def capacity_of(
        self, lane: SharingLane, *, parallelism: int | None, slots: Callable[[], int] | None = None
    ) -> int:
        """Return how many trials a lane may run now; `slots` counts those of its tasks, if they differ.

        A lane alone may submit more trials than there are slots: they wait inside the engine.
        """
        lanes = self._lanes
        if lane not in lanes:
            return 0
        if len(lanes) == 1 and parallelism is not None:
            return parallelism
        each, more = divmod(slots() if slots is not None else self.slots, len(lanes))
        share = each + (lanes.index(lane) < more)
        return share if parallelism is None else min(parallelism, share)

    def charge(self) -> Charge:
        """Return what a lane alone is charged for slots (see Lane.charge)."""
        self._time.change(self.slots)
        return self._time.charge

    def interrupt(self, error: BaseException) -> None:
        """Start no more trials, and make `events` of each lane raise `error`. Safe in a signal handler."""
        self._error = error
        for lane in self._lanes:
            lane.interrupt(error)

    def close(self) -> None:
        """Close the lanes that are open."""
        for lane in self._lanes:
            lane.close()
