"""Decide when to log a long wait: after a first delay, then each time that the wait has doubled."""

from __future__ import annotations

import time
from collections.abc import Callable

# A cluster may be full for hours. The first message comes after this many seconds.
FIRST_S = 30.0


class Reminder:
    """Decides when to log a wait.

    >>> reminder = Reminder(first_s=30.0, clock=iter([0.0, 29.0, 31.0, 59.0, 61.0]).__next__)
    >>> [reminder.due() for _ in range(4)]
    [None, 31.0, None, 61.0]
    """

    def __init__(self, *, first_s: float = FIRST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first_s = first_s
        self.reset()

    def reset(self) -> None:
        """Start a new wait."""
        self._began = self._clock()
        self._next_s = self._first_s

    def due(self) -> float | None:
        """Return how long the wait has lasted, in seconds, if it should be logged now."""
        waited_s = self._clock() - self._began
        if waited_s < self._next_s:
            return None
        self._next_s *= 2
        return waited_s
