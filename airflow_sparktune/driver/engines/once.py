"""A check of the workers that one lane of an application makes for all of its lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_sparktune.errors import PlatformError

if TYPE_CHECKING:
    from airflow_sparktune.driver.engines.base import Patience

# Seconds between two calls of `patience.look`.
LOOK_S = 1.0


class Once:
    """Runs the check of the first lane that asks; the other lanes wait until it is done, and look meanwhile.

    A PlatformError is raised in all lanes, because they run on the same platform. After any other error, the
    next lane runs its check. `of_all` turns the patience of one lane into that of all lanes.
    """

    def __init__(
        self, of_all: Callable[[Patience], Patience] = lambda own: own, *, look_s: float = LOOK_S
    ) -> None:
        self._of_all = of_all
        self._look_s = look_s
        self._calling = threading.Lock()
        self._done = False
        self._error: PlatformError | None = None

    def __call__(self, call: Callable[[Patience], None], patience: Patience) -> None:
        while not self._calling.acquire(timeout=self._look_s):
            patience.look()
        try:
            if self._error is not None:
                raise self._error
            if not self._done:
                try:
                    call(self._of_all(patience))
                except PlatformError as error:
                    self._error = error
                    raise
                self._done = True
        finally:
            self._calling.release()
