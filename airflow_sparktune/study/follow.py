"""Following a study: the newest attempt's stream and what it took over, each file read once."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_sparktune.study.journal import Event, Prefix, StreamReader, newer, streams
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.study import Study

# What an event of another shape than ours makes a study raise.
WRONG_SHAPE = (LookupError, TypeError, ValueError)


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
            self._apply(self.study, self._reader.poll())
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
        try:
            taken = _taken_over(opened, by=stream)
            Study().apply(opened)  # whether it can be, before all that it takes over is read
        except WRONG_SHAPE as error:
            self.problems.append(f"{stream} does not begin as an attempt does ({error}); skipped")
            return False
        study = Study()
        for prefix in taken:
            older = StreamReader(self._storage, prefix.stream, problems=self.problems)
            self._apply(study, older.poll(upto=prefix.events))
            if older.seen < prefix.events:
                self.problems.append(
                    f"{stream} goes on from event {prefix.events} of {prefix.stream}, "
                    f"of which only {older.seen} can be found"
                )
        study.apply(opened)
        self.study, self._taken, self._reader = study, taken, reader
        return True

    def _apply(self, study: Study, events: Iterable[Event]) -> None:
        for event in events:
            try:
                study.apply(event)
            except WRONG_SHAPE as error:
                self.problems.append(
                    f"a {event['event']!r} event has not the form it should have ({error}); skipped"
                )


def _taken_over(opened: Event, *, by: str) -> tuple[Prefix, ...]:
    """The prefixes that an attempt's first event names; raises ValueError or TypeError."""
    if opened["event"] != "opened":
        raise ValueError(f"its first event is {opened['event']!r}")
    taken = tuple(map(Prefix.from_json, opened.get("takes", ())))
    for prefix in taken:
        if not newer(by, prefix.stream):
            raise ValueError(f"it takes over {prefix.stream}, which is not older")
    return taken


def read_study(address: str) -> StudyFollower:
    """The study at an address as it stands now; a folder without a journal gives an empty one."""
    follower = StudyFollower(open_storage(address))
    follower.refresh()
    return follower
