"""The application of many segments: which of them run, and when."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.engines.base import Engine, Patience
from airflow_sparktune.driver.segments.allowance import Allowance, Used
from airflow_sparktune.driver.segments.log import lines_about, mark_lines
from airflow_sparktune.driver.segments.plan import SegmentPlan, Works
from airflow_sparktune.driver.spec_plan import DONE, FAILED
from airflow_sparktune.driver.termination import KILLED, Killed, Termination, terminable
from airflow_sparktune.errors import DriverLost, PlatformError, SparktuneError, StorageError, Superseded
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.files import stop_request
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.segments import Segment, Segments
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.storage.at_once import at_once
from airflow_sparktune.study.storage.deadline import DeadlineStorage

log = logging.getLogger(__name__)

# Seconds between two looks for a request to stop, and for new slots.
LOOK_S = 1.0
# So many lanes are open for each slot: while one runs a trial, another has its next suggestion ready.
LANES_A_SLOT = 2
NOTHING = Used(0.0, 0.0, ())


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
        self._works = Works(self._patience)
        self._waiting: deque[Segment] = deque()
        self._used: dict[str, Used] = {}
        self._results: set[str] = set()
        self._failed: set[str] = set()  # with an error that stays
        self._running: set[threading.Thread] = set()
        self._changed = threading.Condition()
        self._stopped = self._broken = self._limit_told = False
        self._failure: Exception | None = None  # of the start of the engine

    def run(self, termination: Termination) -> bool:
        """Run the segments to their ends; return whether the application has succeeded.

        It has if all segments have ended and one of them has a result, or if a person has stopped it. A
        cluster such as YARN starts the driver again if it has failed.
        """
        storage = self._storage_of(self._address)
        with suppress(StorageError):
            storage.remove([stop_request.NAME])  # of an earlier try
        self._find_waiting()
        if self._waiting:
            self._start_engine()
        termination.defer()
        self._allowance = Allowance(self._segments.spec, self._used.values())
        while self._begin_more(termination) or self._running:
            with self._changed:
                self._changed.wait(LOOK_S)
            if not self._stopped and self._stop_requested(storage):
                self._stop()
        log.info("%d of %d segments have a result", len(self._results), len(self._segments.names))
        if self._stopped:
            return not self._broken
        return bool(self._results) and (self._results | self._failed).issuperset(self._segments.names)

    def _stop(self) -> None:
        """End the segments that run, and those of an earlier try; the others do not begin."""
        self._stopped = True
        self._waiting = deque(segment for segment in self._waiting if segment.name in self._used)

    def _start_engine(self) -> None:
        """Start the engine, in the main thread, so that SIGTERM ends the wait for it."""
        try:
            self._engine.start()
        except Exception as error:  # noqa: BLE001 - the first lane raises it, for the record in a journal
            self._failure = error

    def _require_engine(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _patience(self, own: Patience) -> Patience:
        """Return how long to wait for the cluster, in place of a segment's share of the time."""
        return replace(own, timeout=self._segments.spec.timeout, left_s=self._allowance.time_left_s)

    def _find_waiting(self) -> None:
        """Read the journals: segments with a verdict do not run again."""
        left = at_once(self._is_left, self._segments.segments)
        self._waiting.extend(
            segment for segment, runs in zip(self._segments.segments, left, strict=True) if runs
        )
        self._to_run = len(self._waiting)
        if known := len(left) - self._to_run:
            log.info("%d of %d segments have a verdict already", known, len(left))

    def _is_left(self, segment: Segment) -> bool:
        try:
            study = read_whole(self._storage_of(address_of(self._address, segment.name))).study
        except StorageError:  # the attempt of the segment reports it
            return True
        if study.spec is not None and not study.spec.changed_identity(self._segments.spec_of(segment)):
            self._used[segment.name] = Used.by(study)
        left = self._segments.left(segment, study)
        if not left:
            (self._results if study.result_stands else self._failed).add(segment.name)
        return left

    def _begin_more(self, termination: Termination) -> bool:
        """Begin as many segments as there are lanes for; return whether any waits that may begin later."""
        while self._waiting and not (termination.requested or self._broken):
            slots = self._slots()
            if len(self._running) >= max(LANES_A_SLOT * slots, 1):
                return True
            with self._changed:
                if self._running and self._allowance.may_grow:
                    return True
                self._tell_of_limit()
                spec = self._share(LANES_A_SLOT * slots)
                segment = self._waiting.popleft()
                thread = threading.Thread(
                    target=self._run, args=(spec, termination), name=f"segment {segment.name}", daemon=True
                )
                self._running.add(thread)
            thread.start()
            self._broken = self._broken or self._failure is not None
        return False

    def _slots(self) -> int:
        """Return how many slots there are for the application now."""
        try:
            return int(min(self._engine.slots, self._segments.spec.parallelism or math.inf))
        except (DriverLost, RuntimeError):  # raised in the open lanes too
            return 0

    def _tell_of_limit(self) -> None:
        if self._allowance.used_up and not self._limit_told:
            self._limit_told = True
            log.warning(
                "the application's limit is reached: %d segments end with what they have", len(self._waiting)
            )

    def _share(self, lanes: int) -> Spec:
        """Return the spec of the next segment, with its share of the application's time and slot-hours.

        While there is no slot, how many lanes there will be is not known: the segment may use all the time.
        """
        segment = self._waiting[0]
        begun = self._to_run - len(self._waiting)
        waves = math.ceil(self._to_run / lanes) - begun // lanes if lanes else 1
        return self._allowance.share(
            self._segments.spec_of(segment),
            self._used.get(segment.name, NOTHING),
            waves=waves,
            waiting=len(self._waiting),
        )

    def _run(self, spec: Spec, termination: Termination) -> None:
        name = spec.segment or ""
        plan = self._plan(
            spec, self._engine, self._works, stopped=lambda: self._stopped, start=self._require_engine
        )
        with lines_about(name):
            try:
                self._attempt(plan, address_of(self._address, name), termination)
                self._results.add(name)
            except (DriverLost, PlatformError):
                self._broken = True
            except Superseded as error:  # the newer driver runs the other segments, too
                self._broken = True
                log.error("%s", error)
            except BaseException as error:
                # An error of the storage is in no journal, so another start of the driver tries again.
                if isinstance(error, SparktuneError) and not (
                    error.retryable or isinstance(error, StorageError)
                ):
                    self._failed.add(name)
                log.debug("the segment has failed", exc_info=error)  # the attempt has logged it
        with self._changed:
            used = self._used.get(name, NOTHING)
            self._allowance.ended(spec, used, plan.study.slots_s if plan.study else used.slot_s)
            self._running.discard(threading.current_thread())
            self._changed.notify()

    def _attempt(self, plan: SegmentPlan, address: str, termination: Termination) -> None:
        try:
            storage = self._storage_of(address)
        except StorageError as error:
            log.error("%s", error)
            raise
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
    engine = engines.create(segments.spec, parallelism=segments.spec.parallelism)
    try:
        with closing(engine), terminable(engine.interrupt) as termination:
            done = Application(segments, address, engine).run(termination)
    except Killed:  # before a segment was begun
        return KILLED
    if done:
        return DONE
    return KILLED if termination.requested else FAILED
