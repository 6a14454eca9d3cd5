"""Number the slots for the timeline: a trial takes the lowest free number."""

from __future__ import annotations

import heapq


class SlotNumbers:
    """Hands out numbers from 0, the lowest free one first.

    >>> slots = SlotNumbers()
    >>> slots.take(), slots.take(), slots.give_back(0), slots.take()
    (0, 1, None, 0)
    """

    def __init__(self) -> None:
        self._free: list[int] = []
        self._made = 0

    def take(self) -> int:
        """Return the lowest free number."""
        if self._free:
            return heapq.heappop(self._free)
        self._made += 1
        return self._made - 1

    def give_back(self, slot: int | None) -> None:
        """Free a number; does nothing for None."""
        if slot is not None:
            heapq.heappush(self._free, slot)
