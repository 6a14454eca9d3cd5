"""The study as its driver holds it: every event goes into the journal and into the state at once."""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_sparktune import __version__
from airflow_sparktune.driver.outage import Outage
from airflow_sparktune.driver.timing import Stopwatch
from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.journal.events import (
    Alive,
    Closed,
    Event,
    Opened,
    SlotsChanged,
    SparkApplication,
    SparkStarted,
    TrialChanged,
)
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.output import OutputWriter
from airflow_sparktune.study.journal.streams import StreamWriter, next_attempt
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

log = logging.getLogger(__name__)

# How often a driver looks for a newer attempt, after it has written and while it waits: often enough to stop
# soon, rarely enough to cost little where a listing is paid for.
CHECK_NEWEST_S, CHECK_WAITING_S = 1.0, 10.0
# How often the journal gets a sign of life, with what the driver spent its time on. A killed attempt may
# have run that much longer.
ALIVE_S = 30.0
# How long an attempt that has ended waits for a storage that does not answer; a retry takes over then.
CLOSING_S = 60.0


class Recorder:
    """Writes one attempt's stream and keeps `study` in step with it.

    `watch` measures what the attempt spends its time on, which goes into the journal too. `commit_s` is how
    long the last commit took, in seconds. `wall` stamps the events; durations are measured by `clock`, which
    nobody sets.

    While the storage does not answer, events wait in memory for up to `grace_s` seconds; a driver that is
    lost meanwhile loses them.
    """

    def __init__(
        self,
        storage: Storage,
        writer: StreamWriter,
        study: Study,
        *,
        grace_s: float = 0.0,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.study = study
        self.attempt = writer.attempt
        self.watch = Stopwatch(clock=clock)
        self.commit_s = 0.0
        self._storage = storage
        self._writer = writer
        self._output = OutputWriter(storage, writer.stream, clock=clock)
        self._wall = wall
        self.clock = clock
        self._earlier_s = study.elapsed_s
        self._opened = self._checked = self._told = clock()
        self._slots: int | None = None
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
        """Claim the next attempt; with `take_over` it goes on from what `follower` has read.

        `adopted` are trials of another study, which this one begins with.
        """
        if follower.unreadable:
            raise StorageError(
                f"a driver must read the whole journal, but may not read {follower.unreadable[0]}; "
                "give this user the right to read it, or choose another storage"
            )
        writer = StreamWriter(storage, next_attempt(storage))
        study = follower.study if take_over else Study()
        recorder = cls(storage, writer, study, grace_s=grace_s, wall=wall, clock=clock, sleep=sleep)
        takes = follower.prefix if take_over else ()
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
        # In one commit: an attempt that opens without them would be the one that the next goes on from.
        for trial in adopted:
            recorder.trial(trial)
        recorder.commit()
        return recorder

    @property
    def now(self) -> float:
        """Seconds since 1970, by the clock that stamps the events."""
        return self._wall()

    @property
    def elapsed_s(self) -> float:
        """The running time of all attempts up to now, in seconds."""
        return self._earlier_s + self._ran_s

    def trial(self, trial: Trial) -> None:
        """Note where a trial stands; durable after `commit`."""
        self._record(TrialChanged(**self._stamp(), trial=trial))

    def output(self, number: int, text: str) -> None:
        """Keep what a trial printed, beside the journal."""
        self._output.keep(number, text)

    def slots(self, slots: int) -> None:
        """Note how many trials can run at once, where it has changed."""
        if slots != self._slots:
            self._slots = slots
            self._record(SlotsChanged(**self._stamp(), slots=slots))

    def spark(self, **facts: str | None) -> None:
        """Put on record which Spark application runs the trials: who waits for it wants to see its UI."""
        self._record(SparkStarted(**self._stamp(), spark=SparkApplication(**facts)))
        self.commit()

    def note(self, kind: type[Event], **facts: Any) -> None:
        """Put what a retry must find again on record, durably: waits for a storage that is out of reach."""
        self._record(kind(**self._stamp(), **facts))
        self._commit_end()

    def commit(self) -> None:
        """Make what was noted durable, and now and then that the driver is alive.

        Raises Superseded where a newer attempt has opened, StorageUnavailable where the storage has not
        answered for too long.
        """
        start = self.clock()
        with self.watch.on("journal"):
            if start - self._told >= ALIVE_S:
                self._told = start
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

    def close(self, reason: StopReason, *, error: Mapping[str, Any] | None = None) -> None:
        """Write the end of the attempt, and roll its stream into one segment.

        The first end is the one that counts: where it could not be written, this tries that again.
        """
        if self.study.closed is None:
            self._record(Closed(**self._stamp(), reason=reason, error=error, timing=self.watch.seconds))
        self._commit_end()
        self._output.flush(now=True)
        try:
            self._writer.roll()
        except StorageError as error:  # some buckets forbid deletes; the study is whole without it
            log.warning("the journal stays in small files: %s", error)

    def _commit_end(self) -> None:
        """Write all that is not durable yet; wait for the storage a while where it does not answer."""
        until = self.clock() + self._closing_s
        while True:
            try:
                self._writer.commit()
                return
            except StorageUnavailable:
                if self.clock() >= until:
                    raise
                self._sleep(self._outage.pause_s)

    @property
    def _ran_s(self) -> float:
        return self.clock() - self._opened

    def _stamp(self) -> dict[str, float]:
        return {"at": self._wall(), "ran_s": round(self._ran_s, 3)}

    def _record(self, event: Event) -> None:
        self._writer.append(event)
        self.study.apply(event)
