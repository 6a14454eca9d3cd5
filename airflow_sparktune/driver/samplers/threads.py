"""Limit linear algebra to one thread while samplers of any study are working."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


class SharedLimit:
    """Holds the limit of a process from the first user to the last one.

    Each user for itself would restore the number of threads that it found: the limit of another one.
    """

    def __init__(self, limit: Callable[[], AbstractContextManager[Any]]) -> None:
        self._limit = limit
        self._changing = threading.Lock()
        self._users = 0
        self._held = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._changing:
            if not self._users:
                self._held.enter_context(self._limit())
            self._users += 1
        try:
            yield
        finally:
            with self._changing:
                self._users -= 1
                if not self._users:
                    self._held.close()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # looks at all loaded libraries, which takes milliseconds


# For matrices as small as a sampler's, threads cost more in synchronisation than they gain, and they would
# take cores from trials.
one_blas_thread = SharedLimit(lambda: _libraries().limit(limits=1, user_api="blas"))
