"""Follow a study: read the newest attempt's stream and the prefixes that it took over, each file once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

from airflow_sparktune.study.journal.events import Event, Opened, Prefix
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.journal.reader import StreamReader
from airflow_sparktune.study.journal.streams import newer, streams
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.study import Study

# When a driver looks again for files that are missing, in seconds after its last look.
_LOOK_AGAIN_S = (0.5, 1.5, 4.0)


class StudyFollower:
    """Keeps a `Study` up to date with its journal.

    `problems` describes the data that was skipped; `unreadable` names files that this user may not read;
    `incomplete` tells that files were missing. When a newer attempt opens, `study` becomes a new object,
    because events that the older driver wrote beyond the prefix taken over no longer count. `behind` tells
    that the last refresh stopped early, so that `study` is what the journal's first events say.
    """

    def __init__(self, storage: Storage) -> None:
        self.study = Study()
        self.unreadable: list[str] = []
        self.incomplete = False
        self.behind = False
        self._problems = Problems()
        self._storage = storage
        self._reader: StreamReader | None = None
        self._taken: tuple[Prefix, ...] = ()
        self._reading: Iterator[Event] | None = None  # of a refresh that stopped early

    @property
    def problems(self) -> list[str]:
        """Return a sentence for each problem found so far."""
        return list(self._problems)

    def refresh(self, *, enough: Callable[[], bool] = lambda: False) -> None:
        """Read the events added since the last call; stop early, after an event, once `enough` is true."""
        reading = self._reading or self._events()
        self._reading = None
        for event in reading:
            self.study.apply(event)
            if enough():
                self._reading = reading
                break
        self.behind = self._reading is not None

    @property
    def prefix(self) -> tuple[Prefix, ...]:
        """Return the prefixes that were read so far, as an `Opened` event lists them."""
        if self._reader is None:
            return ()
        return (*self._taken, Prefix(self._reader.stream, self._reader.seen))

    def _events(self) -> Iterator[Event]:
        """Yield the events to apply next to `study`, which starts again when a newer attempt has opened."""
        for stream in reversed(streams(self._storage, self._problems)):
            if self._reader is not None and not newer(stream, self._reader.stream):
                break
            if (yield from self._switch(stream)):
                break
        if self._reader is not None:
            yield from self._reader.poll()
            self.unreadable += self._reader.unreadable
            self._reader.unreadable.clear()
            self.incomplete |= self._reader.incomplete

    def _switch(self, stream: str) -> Generator[Event, None, bool]:
        """Start again with a newer stream; return False if its `opened` event cannot be read."""
        reader = StreamReader(self._storage, stream, problems=self._problems)
        opened = next(reader.poll(upto=1), None)
        self.incomplete |= reader.incomplete
        if opened is None:
            return False
        problem = _why_no_beginning(opened, by=stream)
        if problem is not None or not isinstance(opened, Opened):
            self._problems.add(f"{stream} must begin with a valid opened event, but {problem}; skipped")
            return False
        # Without a reader until all prefixes are read: if one fails, the next refresh switches again.
        self.study, self._taken, self._reader = Study(), (), None
        for prefix in opened.takes:
            older = StreamReader(self._storage, prefix.stream, problems=self._problems)
            yield from older.poll(upto=prefix.events)
            self.unreadable += older.unreadable
            self.incomplete |= older.incomplete or older.seen < prefix.events
            if older.seen < prefix.events:
                self._problems.add(
                    f"{stream} continues from event {prefix.events} of {prefix.stream}, "
                    f"but only {older.seen} of its events were found"
                )
        self._taken, self._reader = opened.takes, reader
        yield opened
        return True


def _why_no_beginning(event: Event, *, by: str) -> str | None:
    """Return why `event` cannot be the first one of the stream `by`, or None if it can."""
    if not isinstance(event, Opened):
        return f"its first event is {event.KIND or 'unknown'}"
    for prefix in event.takes:
        if not newer(by, prefix.stream):
            return f"it takes over {prefix.stream}, which is not older"
    return None


def read_whole(storage: Storage, *, sleep: Callable[[float], None] = time.sleep) -> StudyFollower:
    """Read a study for a driver that continues it.

    An object store may list an object before it can be read. Events that an attempt has not read when it
    opens are lost, so missing files are retried for some seconds.
    """
    for pause_s in (*_LOOK_AGAIN_S, None):
        follower = StudyFollower(storage)
        follower.refresh()
        if pause_s is None or not follower.incomplete:
            break
        sleep(pause_s)
    return follower


def read_study(address: str) -> StudyFollower:
    """Return a follower that has read the study at an address; the study is empty without a journal."""
    follower = StudyFollower(open_storage(address))
    follower.refresh()
    return follower
