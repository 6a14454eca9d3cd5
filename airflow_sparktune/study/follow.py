"""Following a study: the newest attempt's stream and what it took over, each file read once."""

from __future__ import annotations

from airflow_sparktune.study.events import Event, Opened, Prefix
from airflow_sparktune.study.journal import StreamReader, newer, streams
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.study import Study


class StudyFollower:
    """Keeps a `Study` up to date with its journal.

    `problems` says in words what was skipped. When a newer attempt opens, `study` becomes a new object
    (what the older driver wrote beyond the prefix taken over no longer counts).
    """

    def __init__(self, storage: Storage) -> None:
        self.study = Study()
        self.problems: list[str] = []
        self._storage = storage
        self._reader: StreamReader | None = None
        self._taken: tuple[Prefix, ...] = ()

    def refresh(self) -> None:
        """Read what is new."""
        for stream in reversed(streams(self._storage, self.problems)):
            if self._reader is not None and not newer(stream, self._reader.stream):
                break
            if self._switch(stream):
                break
        if self._reader is not None:
            for event in self._reader.poll():
                self.study.apply(event)
        self.problems[:] = dict.fromkeys(self.problems)

    @property
    def prefix(self) -> tuple[Prefix, ...]:
        """What was read so far, as an `opened` event names it."""
        if self._reader is None:
            return ()
        return (*self._taken, Prefix(self._reader.stream, self._reader.seen))

    def _switch(self, stream: str) -> bool:
        """Start over with a newer stream, if it has an `opened` event that can be read."""
        reader = StreamReader(self._storage, stream, problems=self.problems)
        opened = next(reader.poll(upto=1), None)
        if opened is None:
            return False
        problem = _why_no_beginning(opened, by=stream)
        if problem is not None or not isinstance(opened, Opened):
            self.problems.append(f"{stream} does not begin as an attempt does: {problem}; skipped")
            return False
        study = Study()
        for prefix in opened.takes:
            older = StreamReader(self._storage, prefix.stream, problems=self.problems)
            for event in older.poll(upto=prefix.events):
                study.apply(event)
            if older.seen < prefix.events:
                self.problems.append(
                    f"{stream} goes on from event {prefix.events} of {prefix.stream}, "
                    f"of which only {older.seen} can be found"
                )
        study.apply(opened)
        self.study, self._taken, self._reader = study, opened.takes, reader
        return True


def _why_no_beginning(event: Event, *, by: str) -> str | None:
    """What keeps `event` from being the first one of the stream `by`."""
    if not isinstance(event, Opened):
        return f"its first event is {event.KIND or 'unknown'}"
    for prefix in event.takes:
        if not newer(by, prefix.stream):
            return f"it takes over {prefix.stream}, which is not older"
    return None


def read_study(address: str) -> StudyFollower:
    """The study at an address as it stands now; a folder without a journal gives an empty one."""
    follower = StudyFollower(open_storage(address))
    follower.refresh()
    return follower
