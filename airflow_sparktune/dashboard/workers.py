"""The page's own threads, so that a read that hangs does not use up the API server's shared threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Future
from itertools import islice
from queue import Full, Queue
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """The page cannot respond now: too many reads are running, or the storage is too slow."""


class Workers:
    """Runs blocking reads in at most `threads` threads; at most `waiting` more wait for one.

    FastAPI runs synchronous routes in one pool of 40 threads, which Airflow's own routes use too. These
    threads are daemons, so a read that hangs does not keep the API server from stopping.
    """

    def __init__(self, *, threads: int = 8, waiting: int = 64, deadline_s: float = 5.0) -> None:
        self._threads = threads
        self._deadline_s = deadline_s
        self._queue: Queue[tuple[Future[Any], Callable[[], Any]]] = Queue(waiting)
        self._started = 0
        self._lock = Lock()

    async def run(self, read: Callable[[], T], *, deadline_s: float | None = None) -> T:
        """Return the result of `read`, or raise its error; raises Busy after the deadline.

        A read that misses the deadline continues in its thread, so the next request may find the study read.
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
            raise Busy(
                f"the study has not been read within {deadline_s:.0f} s: its storage is slow, or it has very "
                "many trials; the page asks again"
            )
        return waited.result()

    async def each(
        self, reads: Iterable[Callable[[], T]], *, at_once: int, deadline_s: float
    ) -> AsyncGenerator[T | Exception, None]:
        """Yield the results as they come, or the errors in their place; Busy for a read without an answer.

        At most `at_once` of the reads wait or run at a time, so that another request's reads come between.
        """
        left, running = iter(reads), set[asyncio.Task[T]]()
        try:
            while True:
                for read in islice(left, at_once - len(running)):
                    running.add(asyncio.create_task(self.run(read, deadline_s=deadline_s)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        yield task.result()
                    except Exception as error:  # noqa: BLE001 - each read fails for itself
                        yield error
        finally:
            for task in running:
                task.cancel()

    def _start(self) -> None:
        # Not in the constructor, because a server may fork its workers after creating the application.
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
            except BaseException as error:  # noqa: BLE001 - raised in the caller
                future.set_exception(error)
            del future, read  # an idle thread must not keep a study in memory
