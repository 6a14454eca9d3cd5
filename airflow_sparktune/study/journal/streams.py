"""The journal: append-only streams of numbered events, one stream per attempt.

    attempts/0001-9f2c41d0/00000001-00000001.jsonl     one segment = the events 1 to 1 of attempt 1
    attempts/0001-9f2c41d0/00000002-00000003.jsonl
    attempts/0002-51b07be3/00000001-00000040.jsonl     a closed stream, rolled into one segment

Segments may overlap, and then hold the same events: in a long stream, every 64th segment also holds the
events of the 63 before it.

Only the driver of an attempt writes to its stream. The first event of a stream, `opened`, names the prefix of
each earlier stream that it takes over; events that an older driver writes beyond its prefix do not count.
A reader therefore needs no lock: it follows the newest stream whose `opened` event it can read.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from airflow_sparktune.errors import StorageError, StorageUnavailable, Superseded
from airflow_sparktune.study.journal import events, shape
from airflow_sparktune.study.journal.bounds import require_bounded
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.journal.events import STREAM_NAME, Event
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.storage import Storage

SCHEMA = 1
FOLDER = "attempts"
# Each segment of this number also holds the events of the segments before it, back to the last such one.
# Reading a long study that was never closed then takes few requests.
GATHER = 64
MOST_ATTEMPTS = 999_999  # the limit of the digits in STREAM_NAME
MOST_JUNK = 100  # after this many invalid lines the rest of a segment is skipped
ROLL_BYTES = 64 * 2**20

_SEGMENT = re.compile(r"(?P<first>[0-9]{8})-(?P<last>[0-9]{8})\.jsonl")


def attempt_of(stream: str) -> int:
    """Return the attempt's number in a stream's name."""
    return int(stream.split("-", 1)[0])


def newer(stream: str, than: str) -> bool:
    """Return whether one stream comes after another; streams with the same number are ordered by name."""
    return (attempt_of(stream), stream) > (attempt_of(than), than)


def streams(storage: Storage, problems: Problems | None = None) -> list[str]:
    """List the streams of a study, oldest first; foreign names are reported into `problems`."""
    names = storage.names(FOLDER)
    if problems is not None:
        foreign = [name for name in names if not STREAM_NAME.fullmatch(name)]
        problems.add_foreign(FOLDER, foreign, what="an attempt's folder")
    found = filter(STREAM_NAME.fullmatch, names)
    return sorted(found, key=lambda name: (attempt_of(name), name))


def next_attempt(storage: Storage) -> int:
    """Return the number of the next attempt; raises StorageError if no number is left.

    A stream without its first event is ignored: its driver died before it took over, so its number is free.
    """
    opened = (name for name in reversed(streams(storage)) if has_opened(storage, name))
    number = attempt_of(next(opened, "0-")) + 1
    if number > MOST_ATTEMPTS:
        raise StorageError(
            f"a study must have fewer than {MOST_ATTEMPTS} attempts, but {FOLDER} holds that number; "
            "remove it, because no driver made it"
        )
    return number


def has_opened(storage: Storage, stream: str) -> bool:
    """Return whether a stream has its first segment."""
    return any(segment.first == 1 for segment in segments(storage, stream))


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a stream; its name says that it holds the events `first` to `last`."""

    first: int
    last: int
    name: str

    @classmethod
    def named(cls, name: str) -> Segment | None:
        """Return the segment of that name, or None if the name is not a segment's."""
        match = _SEGMENT.fullmatch(name)
        first, last = (int(match["first"]), int(match["last"])) if match else (0, 0)
        return cls(first, last, name) if 1 <= first <= last else None


def segments(storage: Storage, stream: str, problems: Problems | None = None) -> list[Segment]:
    """List the segments of a stream by their first event; among equals, the longest comes first.

    Foreign names are reported into `problems`.
    """
    folder = f"{FOLDER}/{stream}"
    found, foreign = [], []
    for name in storage.names(folder):
        if (segment := Segment.named(name)) is not None:
            found.append(segment)
        else:
            foreign.append(name)
    if problems is not None:
        problems.add_foreign(folder, foreign, what="a segment")
    return sorted(found, key=lambda segment: (segment.first, -segment.last))


class StreamReader:
    """Reads one stream in the order of its events, each file once.

    Data that cannot be read is reported to `problems` and never tried again, so that every read of a prefix
    gives the same events. `unreadable` names segments that this user may not read. `incomplete` tells that
    events were skipped because their file was missing; it may appear later.
    """

    def __init__(self, storage: Storage, stream: str, *, problems: Problems) -> None:
        self.stream = stream
        self.seen = 0
        self.unreadable: list[str] = []
        self.incomplete = False
        self._storage = storage
        self._problems = problems
        self._torn: set[str] = set()  # names of segments that hold fewer events than their names say
        self._known_gap = 0  # the last event number in the names of those segments
        self._begun: dict[str, bytes] = {}  # the segment that was read in part, by its name

    def poll(self, upto: int | None = None) -> Iterator[Event]:
        """Yield the events added since the last call, up to number `upto`."""
        # A listing is not atomic: the driver may append meanwhile, or roll its stream when it closes it.
        # A segment that is not listed, or gone when it is read, counts as missing after three listings.
        for last_look in (False, False, True):
            if (yield from self._look(upto, last_look=last_look)):
                return

    def _look(self, upto: int | None, *, last_look: bool) -> Generator[Event, None, bool]:
        """List and read the segments once; return False if another listing may find more."""
        for segment in segments(self._storage, self.stream, self._problems):
            if segment.last <= self.seen or segment.name in self._torn:
                continue
            if upto is not None and self.seen >= upto:
                break
            if segment.first > self.seen + 1:
                if not last_look:
                    return False
                self._pass_over(segment.first - 1)
            try:
                content = self._content(segment)
            except FileNotFoundError:
                if not last_look:
                    return False
                self.incomplete = True
                self._skip(segment, "is listed but cannot be opened; skipped")
            else:
                if upto is not None:
                    self._begun = {segment.name: content}
                yield from self._events(segment, content, upto)
        return upto is None or self.seen >= upto

    def _content(self, segment: Segment) -> bytes:
        if segment.name in self._begun:
            return self._begun.pop(segment.name)
        name = self._path(segment)
        try:
            return self._storage.read(name)
        except StorageUnavailable:
            raise
        except StorageError as error:
            self.unreadable.append(name)
            self._skip(segment, f"cannot be read and was skipped: {error}")
            return b""

    def _events(self, segment: Segment, content: bytes, upto: int | None) -> Iterator[Event]:
        """Yield the new events of a segment. The number of its lines counts, not the range in its name."""
        number, junk, last = segment.first - 1, 0, segment.last if upto is None else min(segment.last, upto)
        for number, line in enumerate(BytesIO(content), start=segment.first):
            if number > last or junk > MOST_JUNK:
                return
            if number <= self.seen:
                continue
            self.seen = number
            try:
                event = self._event(line, self._path(segment))
            except ValueError:
                junk += 1
                self._skip(segment, "is torn, or not written by a driver; invalid lines were skipped")
            else:
                if event is not None:
                    yield event
        if number < last:
            self._skip(segment, "is torn, or not written by a driver; invalid lines were skipped")

    def _skip(self, segment: Segment, why: str) -> None:
        """Stop reading a segment, and do not report its missing events a second time."""
        self._torn.add(segment.name)
        self._known_gap = max(self._known_gap, segment.last)
        self._problems.add(f"{self._path(segment)} {why}")

    def _pass_over(self, last: int) -> None:
        """Continue after event number `last`; report events up to it as missing if they are not yet."""
        if last > self._known_gap:
            self.incomplete = True
            folder = f"{FOLDER}/{self.stream}"
            self._problems.add(f"events {self.seen + 1} to {last} of {folder} are missing; skipped")
        self.seen = last

    def _path(self, segment: Segment) -> str:
        return f"{FOLDER}/{self.stream}/{segment.name}"

    def _event(self, line: bytes, name: str) -> Event | None:
        """Return the event of a line, or None if it was reported and skipped; raises ValueError for junk."""
        data = decoded(line)
        if not (
            isinstance(data, dict) and shape.text(data.get("event")) and shape.whole(data.get("v", SCHEMA))
        ):
            raise ValueError("a line must be an event")
        if data.get("v", SCHEMA) > SCHEMA:
            self._problems.add(
                f"{name} was written by a later version of airflow-sparktune (schema {data['v']}, "
                f"this one reads {SCHEMA}) and was skipped; upgrade to see all of it"
            )
            return None
        try:
            return events.from_json(data)
        except ValueError as error:
            self._problems.add(f"{error}, in {name}; skipped")
            return None


class StreamWriter:
    """Writes the stream of one attempt: `append` adds events, and `commit` makes them durable."""

    def __init__(self, storage: Storage, attempt: int) -> None:
        self.stream = f"{attempt:04d}-{secrets.token_hex(4)}"
        self.attempt = attempt
        self.events = 0
        self._storage = storage
        self._segments: list[str] = []
        self._lines: list[bytes] = []  # the whole stream; the first `events` lines are durable
        self._gathered = 0  # the last event of the last segment that holds those before it
        self._fresh = 0  # number of segments written since

    def append(self, event: Event) -> None:
        """Add an event to the next segment; raises ValueError for an event that readers would reject."""
        try:
            data = {"v": SCHEMA, **events.to_json(event)}
            require_bounded(data)
            events.from_json(data)
            line = _encode(data)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"an event must be plain JSON, but {error}") from error
        self.append_line(line.encode())

    def append_line(self, line: bytes) -> None:
        """Add an encoded line to the next segment."""
        self._lines.append(line)

    def commit(self) -> None:
        """Write the appended events as one segment; they are durable when this returns.

        If a signal's exception interrupts it, the next commit writes the same events under the same numbers
        again.
        """
        last = len(self._lines)
        if self.events == last:
            return
        gathers = self._fresh + 1 >= GATHER
        first = (self._gathered if gathers else self.events) + 1
        self._segments.append(self._write(first, last, self._lines[first - 1 :]))
        self.events = last
        self._fresh = 0 if gathers else self._fresh + 1
        if gathers:
            self._gathered = last

    def roll(self) -> None:
        """Rewrite the whole stream as one segment, so that reading an old study takes few requests.

        A stream of more than ROLL_BYTES becomes several segments, so that a reader can hold each in memory.
        """
        if len(self._segments) < 2:
            return
        rolled = [self._write(first, last, self._lines[first - 1 : last]) for first, last in self._pieces()]
        # The last commit may have written the whole stream.
        self._storage.remove([name for name in self._segments if name not in rolled])
        self._segments = rolled
        self._gathered, self._fresh = self.events, 0

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last event of each rolled segment."""
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
        name = f"{FOLDER}/{self.stream}/{first:08d}-{last:08d}.jsonl"
        self._storage.write(name, b"\n".join(lines) + b"\n")
        return name


# Created at import: an objective that runs in the driver may replace attributes of the json module.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
