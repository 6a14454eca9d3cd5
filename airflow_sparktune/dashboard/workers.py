"""Threads of the page's own: a read that hangs must not use up those that all of the API server shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import Full, Queue
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """The page cannot answer now: too many reads are under way, or the storage takes too long."""


class Workers:
    """Runs blocking reads in at most `threads` threads; at most `waiting` more wait for one.

    FastAPI runs synchronous routes in one pool of 40 threads, which Airflow's own routes use too. The threads
    are daemons: a read that hangs does not keep the API server from stopping.
    """

    def __init__(self, *, threads: int = 8, waiting: int = 64, deadline_s: float = 5.0) -> None:
        self._threads = threads
        self._deadline_s = deadline_s
        self._queue: Queue[tuple[Future[Any], Callable[[], Any]]] = Queue(waiting)
        self._started = 0
        self._lock = Lock()

    async def run(self, read: Callable[[], T], *, deadline_s: float | None = None) -> T:
        """The result of `read`, or what it raises; Busy where it is not there within the deadline.

        A read that misses the deadline goes on in its thread: the next request may find its work done.
        """
        self._start()
        future: Future[T] = Future()
        try:
            self._queue.put_nowait((future, read))
        except Full:
            raise Busy("too many requests for studies are waiting") from None
        waited = asyncio.wrap_future(future)
        deadline_s = self._deadline_s if deadline_s is None else deadline_s
        await asyncio.wait([waited], timeout=deadline_s)
        if not waited.done():
            waited.cancel()
            raise Busy(f"the study's storage has not answered within {deadline_s:.0f} s")
        return waited.result()

    def _start(self) -> None:
        # Not in the constructor: a server may fork its workers after it has made the application.
        with self._lock:
            while self._started < self._threads:
                Thread(target=self._work, name=f"sparktune-page-{self._started}", daemon=True).start()
                self._started += 1

    def _work(self) -> None:
        while True:
            future, read = self._queue.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(read())
            except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
                future.set_exception(error)
            del future, read  # a thread that waits for work keeps no study alive
