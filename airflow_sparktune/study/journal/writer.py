"""Write the stream of an attempt into the journal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence

from airflow_sparktune.errors import Superseded
from airflow_sparktune.study.journal import events
from airflow_sparktune.study.journal.bounds import require_bounded
from airflow_sparktune.study.journal.events import Event
from airflow_sparktune.study.journal.streams import SCHEMA, Chunk, attempt_of, has_opened, newer, streams
from airflow_sparktune.study.storage import Storage

# Each chunk of this number also holds the events of the chunks before it, back to the last such one.
# Reading a long study that was never closed then takes few requests.
GATHER = 64
ROLL_BYTES = 64 * 2**20
# Created at import: an objective that runs in the driver may replace attributes of the json module.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class StreamWriter:
    """Writes the stream of one attempt: `append` adds events, and `commit` makes them durable."""

    def __init__(self, storage: Storage, attempt: int) -> None:
        self.stream = f"{attempt:04d}-{secrets.token_hex(4)}"
        self.attempt = attempt
        self.events = 0
        self._storage = storage
        self._chunks: list[str] = []
        self._lines: list[bytes] = []  # the whole stream; the first `events` lines are durable
        self._gathered = 0  # the last event of the last chunk that holds those before it
        self._fresh = 0  # number of chunks written since

    def append(self, event: Event) -> None:
        """Add an event to the next chunk; raises ValueError for an event that readers would reject."""
        try:
            data = {"v": SCHEMA, **events.to_json(event)}
            require_bounded(data)
            events.from_json(data)
            line = _encode(data)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"an event must be plain JSON, but {error}") from error
        self.append_line(line.encode())

    def append_line(self, line: bytes) -> None:
        """Add an encoded line to the next chunk."""
        self._lines.append(line)

    def commit(self) -> None:
        """Write the appended events as one chunk; they are durable when this returns.

        If a signal's exception interrupts it, the next commit writes the same events under the same numbers
        again.
        """
        last = len(self._lines)
        if self.events == last:
            return
        gathers = self._fresh + 1 >= GATHER
        first = (self._gathered if gathers else self.events) + 1
        self._chunks.append(self._write(first, last, self._lines[first - 1 :]))
        self.events = last
        self._fresh = 0 if gathers else self._fresh + 1
        if gathers:
            self._gathered = last

    def roll(self) -> None:
        """Rewrite the whole stream as one chunk, so that reading an old study takes few requests.

        A stream of more than ROLL_BYTES becomes several chunks, so that a reader can hold each in memory.
        """
        if len(self._chunks) < 2:
            return
        rolled = self._write_whole()
        # The last commit may have written the whole stream.
        self._storage.remove([name for name in self._chunks if name not in rolled])
        self._chunks = rolled

    def restore(self, earlier: Mapping[str, bytes]) -> bool:
        """Write the `earlier` chunks and this stream again if the study was removed; return whether it was.

        Raises Superseded if another driver has started the study over meanwhile.
        """
        if not self.events or has_opened(self._storage, self.stream):
            return False
        known = {self.stream, *(path.split("/")[1] for path in earlier)}
        for stream in streams(self._storage):
            if stream not in known and has_opened(self._storage, stream):
                raise Superseded(
                    f"attempt {self.attempt} must not write to the study any more: its folder was removed, "
                    f"and {stream} has begun the study anew; look there for the result"
                )
        for path, data in earlier.items():
            self._storage.write(path, data)
        self._chunks += self._write_whole()
        return True

    def _write_whole(self) -> list[str]:
        """Write the whole stream in as few chunks as possible, and return their paths."""
        pieces = [self._write(first, last, self._lines[first - 1 : last]) for first, last in self._pieces()]
        self._gathered, self._fresh = self.events, 0
        return pieces

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last event of each rolled chunk."""
        first, size = 1, 0
        for number, line in enumerate(self._lines[: self.events], start=1):
            if size and size + len(line) > ROLL_BYTES:
                yield first, number - 1
                first, size = number, 0
            size += len(line) + 1
        yield first, self.events

    def check_newest(self) -> None:
        """Raise Superseded if a newer attempt has opened the study."""
        for stream in streams(self._storage):
            if newer(stream, self.stream) and has_opened(self._storage, stream):
                raise Superseded(
                    f"attempt {self.attempt} must not write to the study any more: "
                    f"attempt {attempt_of(stream)} ({stream}) has taken over; look there for the result"
                )

    def _write(self, first: int, last: int, lines: Sequence[bytes]) -> str:
        name = Chunk(self.stream, first, last).path
        self._storage.write(name, b"\n".join(lines) + b"\n")
        return name
