"""Slots over threads: a thread waits for each running trial, and a queue wakes the tuner."""

from __future__ import annotations

import logging
import queue
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, time

from airflow_sparktune.driver.backends.base import BackendEvent, Ended, Lost, Patience
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply

log = logging.getLogger(__name__)

# Executors come and go: an idle wait is cut short this often so that the capacity is looked at again.
CAPACITY_S = 1.0
# Threads are made as they are needed; this only keeps the pool from being the limit.
MAX_THREADS = 10_000


@dataclass(frozen=True, slots=True)
class Begin:
    """The moment at which a trial was sent, by the wall clock and by the steady one."""

    wall: float
    clock: float


class WorkerLost(Exception):
    """The worker or executor of a trial went away; says what Spark said of it."""


class ThreadedBackend(ABC):
    """Runs each trial in a thread of its own. Subclasses say how a trial runs and how it is cancelled."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="trial")
        self._ready: queue.SimpleQueue[BackendEvent | BaseException] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._freed: set[int] = set()  # trials whose slot was reported as free before their thread had ended
        self._begun: dict[int, Begin] = {}
        self._interrupted = False

    @property
    @abstractmethod
    def capacity(self) -> int:
        """The number of trials that can run at once, now."""

    @abstractmethod
    def describe(self) -> Mapping[str, str | None]:
        """Facts for the journal."""

    @abstractmethod
    def prepare(self, patience: Patience) -> None:
        """Put in place what all trials share, and check that trials can run."""

    @abstractmethod
    def _run(self, call: Call) -> Reply:
        """Run a trial and wait for it; raises WorkerLost, or what means that the engine is gone."""

    @abstractmethod
    def _cancel(self, number: int) -> None:
        """Make `_run` of that trial end."""

    def submit(self, call: Call) -> None:
        """Start a trial, unless `interrupt` was called: `finished` will say so."""
        if not self._interrupted:
            self._threads.submit(self._follow, call)

    def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
        """Return what has ended, waiting for the first; raises what ended the engine, or interrupts."""
        found: list[BackendEvent] = []
        patience = CAPACITY_S if wait_s is None else min(wait_s, CAPACITY_S)
        try:
            item = self._ready.get(timeout=patience)
            while True:
                if isinstance(item, BaseException):
                    if not found:
                        raise item
                    # What has finished before is a result: it goes on record, and the next call raises.
                    self._ready.put(item)
                    return found
                found.append(item)
                item = self._ready.get_nowait()
        except queue.Empty:
            return found

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial's thread has been running."""
        begun = self._begun.get(number)
        return None if begun is None else monotonic() - begun.clock

    def interrupt(self, error: BaseException) -> None:
        """Start nothing more, and let `finished` raise `error`; safe in a signal handler."""
        self._interrupted = True
        self._ready.put(error)

    def cancel(self, number: int) -> None:
        """End a trial alone."""
        self._cancelled.add(number)
        self._cancel(number)

    def close(self) -> None:
        """Start nothing more; threads that still wait for a trial are left to end with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _follow(self, call: Call) -> None:
        number = call.trial.number
        self._begun[number] = Begin(time(), monotonic())
        try:
            item: BackendEvent | BaseException = Ended(number, self._run(call))
        except WorkerLost as error:
            item = Lost(number, str(error))
        except BaseException as error:  # noqa: BLE001 - it must reach the tuner, or the study would hang
            item = Lost(number, "cancelled") if number in self._cancelled else error
        del self._begun[number]
        if isinstance(item, BaseException) or number not in self._freed:
            self._ready.put(item)
