"""A storage whose calls end in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.storage.base import Storage

# A healthy storage answers within a second or two; a hanging one must not stop its driver for longer.
LIMIT_S = 15.0
# So many calls may hang at once; further ones fail at once, until one of them returns.
MOST_HANGING = 4

T = TypeVar("T")


class DeadlineStorage:
    """Raises StorageUnavailable for a call that has no answer within `limit_s` seconds.

    Each call runs in a thread of its own. One that hangs may still take effect later: a journal's files are
    written whole under names of their own, so a late write does no harm.
    """

    def __init__(self, storage: Storage, *, limit_s: float = LIMIT_S) -> None:
        self._storage = storage
        self._limit_s = limit_s
        self._hanging: list[Future[Any]] = []

    def write(self, name: str, data: bytes) -> None:
        self._call(lambda: self._storage.write(name, data))

    def create(self, name: str, data: bytes) -> bool:
        return self._call(lambda: self._storage.create(name, data))

    def read(self, name: str) -> bytes:
        return self._call(lambda: self._storage.read(name))

    def names(self, folder: str) -> list[str]:
        return self._call(lambda: self._storage.names(folder))

    def remove(self, names: Sequence[str]) -> None:
        self._call(lambda: self._storage.remove(names))

    def _call(self, call: Callable[[], T]) -> T:
        self._hanging = [each for each in self._hanging if not each.done()]
        if len(self._hanging) >= MOST_HANGING:
            raise StorageUnavailable(
                f"the storage must answer within {self._limit_s:g} s, but {len(self._hanging)} calls still "
                "hang; check that it can be reached from here"
            )
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
                answer.set_exception(error)

        # A daemon: a call that hangs must not keep the process.
        threading.Thread(target=run, daemon=True, name="storage").start()
        try:
            return answer.result(self._limit_s)
        except TimeoutError:
            if answer.done():  # the storage's own
                raise
            self._hanging.append(answer)
            raise StorageUnavailable(
                f"the storage must answer within {self._limit_s:g} s, but a call has no answer; "
                "check that it can be reached from here"
            ) from None
