"""The check of the workers, which one lane of several of the same application makes for all."""

from __future__ import annotations

import threading
from collections.abc import Callable

from airflow_sparktune.errors import PlatformError


class Once:
    """Calls for the first lane what the others then need not call; they wait for it.

    They get its PlatformError too, because they run on the same platform. Any other error is the lane's own,
    and the next one calls again.
    """

    def __init__(self) -> None:
        self._calling = threading.Lock()
        self._done = False
        self._error: PlatformError | None = None

    def __call__(self, call: Callable[[], None]) -> None:
        with self._calling:
            if self._error is not None:
                raise self._error
            if not self._done:
                try:
                    call()
                except PlatformError as error:
                    self._error = error
                    raise
                self._done = True
