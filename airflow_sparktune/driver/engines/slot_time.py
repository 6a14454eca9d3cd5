"""Adds up the time of slots."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_sparktune.driver.engines.base import Charge


class SlotTime:
    """Adds up the time of a number of slots that changes now and then.

    >>> seconds = iter([0.0, 10.0, 15.0])
    >>> slots = SlotTime(clock=lambda: next(seconds))
    >>> slots.change(2)
    >>> slots.charge
    Charge(slot_s=10.0, slots=2)
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots = 0
        self._slot_s = 0.0
        self._since = clock()

    def change(self, slots: int) -> None:
        """Count `slots` slots from now on."""
        now = self._clock()
        self._slot_s += self._slots * (now - self._since)
        self._slots, self._since = slots, now

    @property
    def charge(self) -> Charge:
        """Return the time so far, and the slots now."""
        self.change(self._slots)
        return Charge(self._slot_s, self._slots)
