"""Places on the timeline: a trial takes the lowest that is free."""

from __future__ import annotations

import heapq


class Places:
    """Hands out small numbers, the lowest first.

    >>> places = Places()
    >>> places.take(), places.take(), places.give_back(0), places.take()
    (0, 1, None, 0)
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        self._made = 0

    def take(self) -> int:
        """The lowest place that is free."""
        if self._free:
            return heapq.heappop(self._free)
        self._made += 1
        return self._made - 1

    def give_back(self, place: int | None) -> None:
        """Free a place; None is none."""
        if place is not None:
            heapq.heappush(self._free, place)
