"""The application of many segments: which of them run, and when."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.base import Engine
from airflow_sparktune.driver.segments.log import lines_about, mark_lines
from airflow_sparktune.driver.segments.plan import SegmentPlan
from airflow_sparktune.driver.spec_plan import DONE, FAILED
from airflow_sparktune.driver.termination import KILLED, Termination, terminable
from airflow_sparktune.errors import DriverLost, PlatformError, StorageError, Superseded
from airflow_sparktune.study import stop_request
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.segments import Segment, Segments
from airflow_sparktune.study.stop_request import stop_requested
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage

log = logging.getLogger(__name__)

# Seconds between two looks for a request to stop, and for new slots.
LOOK_S = 1.0
# So many lanes are open for each slot: while one runs a trial, another has its next suggestion ready.
LANES_A_SLOT = 2
# So many journals are read at once.
READERS = 16


class Application:
    """Runs the segments that have no verdict, each in a thread and a lane of its own.

    At most LANES_A_SLOT lanes for each slot are open; the other segments wait, and their journals stay as
    they are. A segment that fails ends alone. If the application itself is broken, no other one begins.
    """

    def __init__(
        self,
        segments: Segments,
        address: str,
        engine: Engine,
        *,
        storage_of: Callable[[str], Storage] = lambda address: DeadlineStorage(open_storage(address)),
        plan: Callable[..., SegmentPlan] = SegmentPlan,
    ) -> None:
        self._segments = segments
        self._address = address
        self._engine = engine
        self._storage_of = storage_of
        self._plan = plan
        self._waiting: deque[Segment] = deque()
        self._results: set[str] = set()
        self._running: set[threading.Thread] = set()
        self._changed = threading.Condition()
        self._stopped = self._broken = self._started = False

    def run(self, termination: Termination) -> bool:
        """Run the segments to their ends; return whether each has a result."""
        termination.defer()
        storage = self._storage_of(self._address)
        with suppress(StorageError):
            storage.remove([stop_request.NAME])  # of an earlier try
        self._find_waiting()
        while self._begin_more(termination) or self._running:
            with self._changed:
                self._changed.wait(LOOK_S)
            self._stopped = self._stopped or self._stop_requested(storage)
        log.info("%d of %d segments have a result", len(self._results), len(self._segments.names))
        return self._results.issuperset(self._segments.names)

    def _find_waiting(self) -> None:
        """Read the journals: segments with a verdict do not run again."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="journal") as readers:
            left = list(readers.map(self._is_left, self._segments.segments))
        self._waiting.extend(
            segment for segment, runs in zip(self._segments.segments, left, strict=True) if runs
        )
        if known := len(left) - len(self._waiting):
            log.info("%d of %d segments have a verdict already", known, len(left))

    def _is_left(self, segment: Segment) -> bool:
        try:
            study = read_whole(self._storage_of(address_of(self._address, segment.name))).study
        except StorageError:  # its own attempt tells
            return True
        if study.result_stands and not self._segments.left(segment, study):
            self._results.add(segment.name)
        return self._segments.left(segment, study)

    def _begin_more(self, termination: Termination) -> bool:
        """Begin as many segments as there are lanes for; return whether any waits that may begin later."""
        while self._waiting and not (termination.requested or self._stopped or self._broken):
            if len(self._running) >= self._most_lanes():
                return True
            segment = self._waiting.popleft()
            thread = threading.Thread(
                target=self._run, args=(segment, termination), name=f"segment {segment.name}", daemon=True
            )
            self._running.add(thread)
            thread.start()
        return False

    def _most_lanes(self) -> int:
        """Return how many lanes to open. The first one starts the engine: a failure is then in a journal."""
        if not self._started:
            return 1
        try:
            return max(LANES_A_SLOT * self._engine.slots, 1)
        except DriverLost:  # raised in the open lanes too
            self._broken = True
            return 0

    def _engine_runs(self) -> None:
        with self._changed:
            self._started = True
            self._changed.notify()

    def _run(self, segment: Segment, termination: Termination) -> None:
        with lines_about(segment.name):
            try:
                self._attempt(segment, termination)
                self._results.add(segment.name)
            except (DriverLost, PlatformError):
                self._broken = True
            except Superseded as error:
                log.error("%s", error)
            except BaseException as error:
                log.debug("the segment has failed", exc_info=error)
        with self._changed:
            self._running.discard(threading.current_thread())
            self._changed.notify()

    def _attempt(self, segment: Segment, termination: Termination) -> None:
        address = address_of(self._address, segment.name)
        try:
            storage = self._storage_of(address)
        except StorageError as error:
            log.error("%s", error)
            raise
        plan = self._plan(
            self._segments.spec_of(segment),
            self._engine,
            stopped=lambda: self._stopped,
            started=self._engine_runs,
        )
        Attempt(plan, storage, address).run(termination)

    def _stop_requested(self, storage: Storage) -> bool:
        try:
            request = stop_requested(storage, attempt=0)
        except StorageError:  # the next look may succeed
            return False
        if request is not None:
            log.info("%s asked all segments to stop; they end with their best results so far", request.by)
        return request is not None


def run_segments(address: str, segments: Segments) -> int:
    """Run the segments of the application at `address`; return the program's exit code."""
    mark_lines()
    engine = engines.create(segments.spec)
    with closing(engine), terminable(engine.interrupt) as termination:
        done = Application(segments, address, engine).run(termination)
    if done:
        return DONE
    return KILLED if termination.requested else FAILED
