"""An outage of the storage: how long and how often a driver retries."""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_sparktune.errors import StorageUnavailable

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class Outage:
    """Spaces the retries during an outage, and gives up after `grace_s` seconds."""

    def __init__(self, *, grace_s: float, clock: Callable[[], float]) -> None:
        self._grace_s = grace_s
        self._clock = clock
        self._since: float | None = None
        self._next = 0.0
        self.pause_s = FIRST_PAUSE_S

    @property
    def waits(self) -> bool:
        """Return whether the storage is out of reach and it is too early to retry."""
        return self._since is not None and self._clock() < self._next

    def failed(self, error: StorageUnavailable) -> None:
        """Record a failed try; raises `error` once the grace period is over."""
        now = self._clock()
        if self._grace_s <= 0:
            raise error
        if self._since is None:
            self._since, self.pause_s = now, FIRST_PAUSE_S
            log.warning(
                "the storage does not respond: the study continues, and results wait in memory for up to "
                "%g s (%s)",
                self._grace_s,
                error,
            )
        elif now - self._since >= self._grace_s:
            log.error("the storage has not responded for %.0f s", now - self._since)
            raise error
        else:
            self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
        self._next = now + self.pause_s

    def over(self) -> None:
        """Record a successful try."""
        if self._since is not None:
            log.warning(
                "the storage responds again after %.0f s; nothing was lost", self._clock() - self._since
            )
            self._since = None
