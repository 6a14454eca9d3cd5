"""The base class of lanes that run each trial in a thread; a queue passes events to the tuner."""

from __future__ import annotations

import logging
import queue
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from time import monotonic, time

from airflow_sparktune.driver.engines.base import Charge, Ended, LaneEvent, Lost, Work
from airflow_sparktune.driver.engines.share import Share
from airflow_sparktune.driver.engines.shares import SharingEngine, SharingLane
from airflow_sparktune.executor.evaluate import Call, TrialCancelled
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Answer, Receive, Report

log = logging.getLogger(__name__)

# Executors come and go: waits are cut off after this many seconds to read the capacity again.
CAPACITY_S = 1.0
# Threads are created on demand; this number only keeps the pool from limiting the capacity.
MAX_THREADS = 10_000


@dataclass(frozen=True, slots=True)
class Begin:
    """The time at which a trial was sent, by the wall clock and by the monotonic clock."""

    wall: float
    clock: float


class WorkerLost(Exception):
    """The worker or executor of a trial was lost. The message is Spark's."""


class ThreadedLane(SharingLane, ABC):
    """Runs each trial in its own thread. Subclasses define how a trial runs and how it is cancelled."""

    def __init__(self, engine: SharingEngine, work: Work) -> None:
        self._engine = engine
        self._work = work
        self.share = Share(most=work.parallelism)
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="trial")
        # None wakes the tuner, because the capacity may have changed.
        self._ready: queue.SimpleQueue[LaneEvent | BaseException | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._freed: set[int] = set()  # trials whose slot was reported free before their thread ended
        self._begun: dict[int, Begin] = {}
        self._interrupted = False
        self._receive: Receive = lambda _: Answer.CONTINUE

    @property
    def capacity(self) -> int:
        return self._engine.capacity_of(self, self._to_fill())

    @property
    def slots(self) -> int:
        return self._engine.slots

    def room(self, wanted: float) -> int:
        slots = self._to_fill()
        capacity = self._engine.capacity_of(self, slots)
        return self._engine.room_of(self, wanted=wanted, capacity=capacity, slots=slots)

    def _to_fill(self) -> int:
        """Return how many trials of any lane to submit now."""
        return self._engine.slots

    def charge(self) -> Charge:
        return self._engine.charge_of(self)

    @abstractmethod
    def _run(self, call: Call) -> Reply:
        """Run a trial to its end; raises WorkerLost, or another error if the engine is gone."""

    @abstractmethod
    def _cancel(self, number: int) -> None:
        """Make `_run` return for this trial."""

    def listen(self, receive: Receive) -> None:
        self._receive = receive

    def answer(self, report: Report) -> Answer:
        """Answer a trial's report. Safe in any thread."""
        return self._receive(report)

    def submit(self, call: Call) -> None:
        """Start a trial. Does nothing after `interrupt`, because `events` will raise."""
        if not self._interrupted:
            self._begun[call.trial.number] = Begin(time(), monotonic())
            self._engine.begin(self, call.trial.number)
            named = replace(call, study=self._work.study, studies=self._engine.studies)
            # In this thread's context, which marks the lines of the log.
            self._threads.submit(copy_context().run, self._follow, named)

    def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
        """Return new events, waiting for the first; raises the interrupt, or the loss of the engine."""
        found: list[LaneEvent] = []
        self.share.idle = wait_s != 0
        patience = CAPACITY_S if wait_s is None else min(wait_s, CAPACITY_S)
        try:
            item = self._ready.get(timeout=patience)
            while True:
                if isinstance(item, BaseException):
                    if not found:
                        raise item
                    # Return the results that came before the error first; the next call raises it.
                    self._ready.put(item)
                    return found
                if item is not None:
                    found.append(item)
                item = self._ready.get_nowait()
        except queue.Empty:
            return found

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial's thread has been running."""
        begun = self._begun.get(number)
        return None if begun is None else monotonic() - begun.clock

    def wake(self) -> None:
        self._ready.put(None)

    def interrupt(self, error: BaseException) -> None:
        self._interrupted = True
        self._ready.put(error)

    def cancel(self, number: int) -> None:
        self._cancelled.add(number)
        self._cancel(number)

    def close(self) -> None:
        """Start no more trials, and cancel the running ones; their threads end on their own."""
        self._interrupted = True
        try:
            for number in set(self._begun) - self._cancelled:
                self.cancel(number)
        finally:
            self._threads.shutdown(wait=False)
            self._engine.release(self)

    def _follow(self, call: Call) -> None:
        number = call.trial.number
        try:
            if number in self._cancelled:  # cancelled before it started
                raise TrialCancelled
            item: LaneEvent | BaseException = Ended(number, self._run(call))
        except WorkerLost as error:
            item = Lost(number, str(error))
        except BaseException as error:  # noqa: BLE001 - must reach the tuner, or the study would hang
            item = Lost(number, "cancelled") if number in self._cancelled else error
        del self._begun[number]
        if isinstance(item, BaseException) or number not in self._freed:
            self._free(number, item)

    def _free(self, number: int, item: LaneEvent | BaseException) -> None:
        """Pass the end of a trial to the tuner; its slot is free."""
        self._engine.end(self, number)
        self._ready.put(item)
