"""The study as its driver holds it: each event is written to the journal and applied to the state."""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_sparktune.driver.engines.base import Charge
from airflow_sparktune.driver.outage import Outage
from airflow_sparktune.driver.timing import Stopwatch
from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import (
    Alive,
    Closed,
    Event,
    Opened,
    Reported,
    SlotsChanged,
    SparkStarted,
    TrialChanged,
)
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.output import OutputWriter
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.journal.streams import attempt_of, contents, next_attempt
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial
from airflow_sparktune.version import __version__

log = logging.getLogger(__name__)

# Seconds between checks for a newer attempt, after a write and while waiting. Frequent checks stop an old
# driver soon; rare ones save requests where a listing costs money.
CHECK_NEWEST_S, CHECK_WAITING_S = 1.0, 10.0
# Seconds between Alive events, which also hold the driver's timing. A killed attempt may have run up to this
# much longer than its journal shows.
ALIVE_S = 30.0
# How long an ended attempt retries to write its end during an outage. After that, a task retry takes over.
CLOSING_S = 60.0


class Recorder:
    """Writes one attempt's stream, and applies each event to `study`.

    `watch` measures how the attempt spends its time, for the journal. `commit_s` is the duration of the last
    commit, in seconds. `wall` gives the timestamps of events; durations use the monotonic `clock`.

    During an outage of the storage, events wait in memory for up to `grace_s` seconds. If the driver dies
    before the storage responds, they are lost. If someone removes the study, its own events are written
    again, and the `earlier` chunks, which the attempt has taken over.
    """

    def __init__(
        self,
        storage: Storage,
        writer: StreamWriter,
        study: Study,
        *,
        spec: Spec,
        grace_s: float = 0.0,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.study = study
        self.spec = spec
        self.attempt = writer.attempt
        self.watch = Stopwatch(clock=clock)
        self.commit_s = 0.0
        self._storage = storage
        self._writer = writer
        self._output = OutputWriter(storage, writer.stream, clock=clock)
        self._wall = wall
        self.clock = clock
        self._earlier_s = study.elapsed_s
        self._opened = self._checked = self._alive_at = self._found = clock()
        self._earlier: Mapping[str, bytes] = {}
        self._slots: int | None = None
        self._earlier_slot_s = study.slots_s
        self._reserves = study.reserves
        self._charged_at, self._charge = self._opened, Charge()
        self._outage = Outage(grace_s=grace_s, clock=clock)
        self._closing_s = min(grace_s, CLOSING_S)
        self._sleep = sleep

    @classmethod
    def open(
        cls,
        storage: Storage,
        follower: StudyFollower,
        *,
        spec: Spec,
        seed: int,
        dimensions: tuple[Mapping[str, Any], ...],
        take_over: bool,
        adopted: Iterable[Trial] = (),
        grace_s: float = 0.0,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Recorder:
        """Claim the next attempt; with `take_over` it continues the study that `follower` has read.

        `adopted` are trials of another study that this study starts with.
        """
        if follower.unreadable:
            raise StorageError(
                f"a driver must read the whole journal, but may not read {follower.unreadable[0]}; "
                "give this user the right to read it, or choose another storage"
            )
        attempt = next_attempt(storage)
        follower.refresh()  # others may have written, or opened, since it was read
        study = follower.study if take_over else Study()
        takes = follower.prefix if take_over else ()
        attempt = max([attempt, *(attempt_of(each.stream) + 1 for each in follower.prefix)])
        writer = StreamWriter(storage, attempt)
        recorder = cls(
            storage, writer, study, spec=spec, grace_s=grace_s, wall=wall, clock=clock, sleep=sleep
        )
        recorder._record(
            Opened(
                **recorder._stamp(),
                attempt=writer.attempt,
                takes=takes,
                spec=spec,
                seed=seed,
                dimensions=dimensions,
                host=socket.gethostname(),
                pid=os.getpid(),
                versions={"airflow-sparktune": __version__, "python": platform.python_version()},
            )
        )
        # One commit for all: an attempt that opens without them would be continued without them.
        for trial in adopted:
            recorder.trial(trial)
        recorder.commit()
        recorder._earlier = {
            path: data for each in takes for path, data in contents(storage, each.stream).items()
        }
        return recorder

    @property
    def now(self) -> float:
        """Return seconds since 1970, by the clock of the events' timestamps."""
        return self._wall()

    @property
    def elapsed_s(self) -> float:
        """Return the running time of all attempts so far, in seconds."""
        return self._earlier_s + self._ran_s

    def trial(self, trial: Trial) -> None:
        """Record the state of a trial; durable after `commit`."""
        self._record(TrialChanged(**self._stamp(), trial=trial))

    def reports(self, trials: tuple[TrialReports, ...], *, lost: str | None = None) -> None:
        """Record what running trials have reported, and why reports were lost; durable after `commit`."""
        if trials or lost:
            self._record(Reported(**self._stamp(), trials=trials, lost=lost))

    def output(self, number: int, text: str) -> None:
        """Keep the output of a trial, beside the journal."""
        self._output.keep(number, text)

    def slots(self, capacity: int, *, exist: int) -> None:
        """Record the number of trials that can run at once, if it has changed.

        Trials beyond the slots that `exist` wait inside the engine.
        """
        slots = min(capacity, exist) if self._reserves else capacity
        if slots != self._slots:
            self._slots = slots
            self._record(SlotsChanged(**self._stamp(), slots=slots))

    def charge(self, charge: Charge) -> None:
        """Take in what this attempt is charged for slots by now; later events have it."""
        self._charged_at, self._charge = self.clock(), charge

    @property
    def charged(self) -> Charge:
        """Return what the study is charged for slots, over all attempts by now."""
        if not self._reserves:
            slots = self._slots or 0
            return Charge(self.study.slots_s + slots * (self.elapsed_s - self.study.elapsed_s), slots)
        return Charge(self._earlier_slot_s + self._slot_s, self._charge.slots)

    def spark(self, **facts: str | None) -> None:
        """Record the Spark application of the trials, and commit at once so that users can open its UI."""
        self._record(SparkStarted(**self._stamp(), spark=SparkApplication(**facts)))
        self.commit()

    def note(self, kind: type[Event], **facts: Any) -> None:
        """Record an event that a retry needs, and make it durable; waits during an outage.

        Raises Superseded if a newer attempt has opened.
        """
        self.require_newest()
        self._record(kind(**self._stamp(), **facts))
        self._through_outage(self._commit_whole)

    def require_newest(self) -> None:
        """Raise Superseded if a newer attempt has opened the study; waits during an outage."""
        self._through_outage(self._writer.check_newest)

    def commit(self) -> None:
        """Make the recorded events durable. Every ALIVE_S seconds, record that the driver is alive.

        Raises Superseded if a newer attempt has opened, StorageUnavailable if the storage has not responded
        for the grace period.
        """
        start = self.clock()
        with self.watch.on("journal"):
            if start - self._alive_at >= ALIVE_S:
                self._alive_at = start
                self._record(Alive(**self._stamp(), timing=self.watch.seconds))
            if not self._outage.waits:
                try:
                    self._write(start)
                except StorageUnavailable as error:
                    self._outage.failed(error)
                else:
                    self._outage.over()
                    self._output.flush()

    def _write(self, start: float) -> None:
        written = self._writer.events
        self._writer.commit()
        has_written = self._writer.events > written
        if has_written:
            self.commit_s = self.clock() - start
        if start - self._checked >= (CHECK_NEWEST_S if has_written else CHECK_WAITING_S):
            self._checked = start
            self._writer.check_newest()
        if start - self._found >= ALIVE_S:
            self._found = start
            self._restore()

    def _restore(self) -> None:
        if self._writer.restore(self._earlier):
            log.warning(
                "the study's folder was removed while its driver ran; the whole journal was written again"
            )

    def close(self, reason: StopReason, *, error: Mapping[str, Any] | None = None) -> None:
        """Write the end of the attempt, and roll its stream into one chunk.

        Only the first call records an end. Later calls retry to write it.
        """
        if self.study.closed is None:
            self._record(Closed(**self._stamp(), reason=reason, error=error, timing=self.watch.seconds))
        self._through_outage(self._commit_whole)
        self._output.flush(now=True)
        try:
            self._writer.roll()
        except StorageError as error:  # some buckets forbid deletes; the journal is complete without the roll
            log.warning("the journal was not rolled into one chunk: %s", error)

    def _commit_whole(self) -> None:
        self._writer.commit()
        self._restore()

    def _through_outage(self, call: Callable[[], None]) -> None:
        """Call the storage; retry for a while during an outage."""
        until = self.clock() + self._closing_s
        while True:
            try:
                call()
                return
            except StorageUnavailable:
                if self.clock() >= until:
                    raise
                self._sleep(self._outage.pause_s)

    @property
    def _ran_s(self) -> float:
        return self.clock() - self._opened

    @property
    def _slot_s(self) -> float:
        return self._charge.slot_s + self._charge.slots * (self.clock() - self._charged_at)

    def _stamp(self) -> dict[str, float]:
        stamp = {"at": self._wall(), "ran_s": round(self._ran_s, 3)}
        return {**stamp, "reserved": round(self._slot_s, 3)} if self._reserves else stamp

    def _record(self, event: Event) -> None:
        self._writer.append(event)
        self.study.apply(event)
