"""Read a stream of the journal, in the order of its events."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from io import BytesIO

from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.journal import events, shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.journal.events import Event
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.journal.streams import FOLDER, SCHEMA, Chunk, chunks
from airflow_sparktune.study.storage import Storage

MOST_JUNK = 100  # after this many invalid lines the rest of a chunk is skipped


class StreamReader:
    """Reads one stream in the order of its events, each file once.

    Data that cannot be read is reported to `problems` and never tried again, so that every read of a prefix
    gives the same events. `unreadable` names chunks that this user may not read. `incomplete` tells that
    events were skipped because their file was missing; it may appear later.
    """

    def __init__(self, storage: Storage, stream: str, *, problems: Problems) -> None:
        self.stream = stream
        self.seen = 0
        self.unreadable: list[str] = []
        self.incomplete = False
        self._storage = storage
        self._problems = problems
        self._torn: set[str] = set()  # paths of chunks that hold fewer events than their names say
        self._known_gap = 0  # the last event number in the names of those chunks
        self._begun: dict[str, bytes] = {}  # the chunk that was read in part, by its path

    def poll(self, upto: int | None = None) -> Iterator[Event]:
        """Yield the events added since the last call, up to number `upto`."""
        # A listing is not atomic: the driver may append meanwhile, or roll its stream when it closes it.
        # A chunk that is not listed, or gone when it is read, counts as missing after three listings.
        for last_look in (False, False, True):
            if (yield from self._look(upto, last_look=last_look)):
                return

    def _look(self, upto: int | None, *, last_look: bool) -> Generator[Event, None, bool]:
        """List and read the chunks once; return False if another listing may find more."""
        for chunk in chunks(self._storage, self.stream, self._problems):
            if chunk.last <= self.seen or chunk.path in self._torn:
                continue
            if upto is not None and self.seen >= upto:
                break
            if chunk.first > self.seen + 1:
                if not last_look:
                    return False
                self._pass_over(chunk.first - 1)
            try:
                content = self._content(chunk)
            except FileNotFoundError:
                if not last_look:
                    return False
                self.incomplete = True
                self._skip(chunk, "is listed but cannot be opened; skipped")
            else:
                if upto is not None:
                    self._begun = {chunk.path: content}
                yield from self._events(chunk, content, upto)
        return upto is None or self.seen >= upto

    def _content(self, chunk: Chunk) -> bytes:
        if chunk.path in self._begun:
            return self._begun.pop(chunk.path)
        try:
            return self._storage.read(chunk.path)
        except StorageUnavailable:
            raise
        except StorageError as error:
            self.unreadable.append(chunk.path)
            self._skip(chunk, f"cannot be read and was skipped: {error}")
            return b""

    def _events(self, chunk: Chunk, content: bytes, upto: int | None) -> Iterator[Event]:
        """Yield the new events of a chunk. The number of its lines counts, not the range in its name."""
        path, number, junk = chunk.path, chunk.first - 1, 0
        last = chunk.last if upto is None else min(chunk.last, upto)
        for number, line in enumerate(BytesIO(content), start=chunk.first):
            if number > last or junk > MOST_JUNK:
                return
            if number <= self.seen:
                continue
            self.seen = number
            try:
                event = self._event(line, path)
            except ValueError:
                junk += 1
                self._skip(chunk, "is torn, or not written by a driver; invalid lines were skipped")
                if not line.endswith(b"\n"):  # cut off: another chunk may hold this event whole
                    self.seen = number - 1
            else:
                if event is not None:
                    yield event
        if number < last:
            self._skip(chunk, "is torn, or not written by a driver; invalid lines were skipped")

    def _skip(self, chunk: Chunk, why: str) -> None:
        """Stop reading a chunk, and do not report its missing events a second time."""
        self._torn.add(chunk.path)
        self._known_gap = max(self._known_gap, chunk.last)
        self._problems.add(f"{chunk.path} {why}")

    def _pass_over(self, last: int) -> None:
        """Continue after event number `last`; report events up to it as missing if they are not yet."""
        if last > self._known_gap:
            self.incomplete = True
            folder = f"{FOLDER}/{self.stream}"
            self._problems.add(f"events {self.seen + 1} to {last} of {folder} are missing; skipped")
        self.seen = last

    def _event(self, line: bytes, path: str) -> Event | None:
        """Return the event of a line, or None if it was reported and skipped; raises ValueError for junk."""
        data = decoded(line)
        if not (
            isinstance(data, dict) and shape.text(data.get("event")) and shape.whole(data.get("v", SCHEMA))
        ):
            raise ValueError("a line must be an event")
        if data.get("v", SCHEMA) > SCHEMA:
            self._problems.add(
                f"{path} was written by a later version of airflow-sparktune (schema {data['v']}, "
                f"this one reads {SCHEMA}) and was skipped; upgrade to see all of it"
            )
            return None
        try:
            return events.from_json(data)
        except ValueError as error:
            self._problems.add(f"{error}, in {path}; skipped")
            return None
