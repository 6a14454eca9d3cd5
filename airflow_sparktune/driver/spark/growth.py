"""Decide how many trials to submit while Spark's dynamic allocation adds executors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# An executor may take this long to start: its container's image may have to be pulled. Spark withdraws a
# request when no tasks wait for it, so trials must wait for this long.
PATIENCE_S = 120.0


class Growth:
    """Decides how many trials to submit ahead, so that Spark doubles the number of its executors.

    Spark adds executors only for waiting tasks. While slots are added, as many trials wait as slots exist.
    Such trials are suggested before the running ones have ended, so if no slot has come for PATIENCE_S, only
    one executor's worth waits: `each` trials. The cluster has at most `most` slots.
    """

    def __init__(self, *, each: int, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = each
        self._most = most
        self._clock = clock
        self._slots, self._grew_at = 0, -math.inf

    def to_fill(self, slots: int) -> int:
        """Return how many trials to submit, now that there are this many slots."""
        now = self._clock()
        if slots > self._slots:
            self._grew_at = now
        self._slots = slots
        grows = now - self._grew_at < PATIENCE_S
        return int(min(slots + max(slots if grows else 0, self._each), self._most))
