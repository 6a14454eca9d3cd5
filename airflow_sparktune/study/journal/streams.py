"""The journal: append-only streams of numbered events, one stream per attempt.

    attempts/0001-9f2c41d0/00000001-00000001.jsonl     one segment = the events 1 to 1 of attempt 1
    attempts/0001-9f2c41d0/00000002-00000003.jsonl
    attempts/0002-51b07be3/00000001-00000040.jsonl     a closed stream, rolled into one segment

Segments may overlap, and then hold the same events: in a long stream each run of segments lies beside them
once more as one.

Only the driver of an attempt writes into its stream. The first event of a stream, `opened`, names the
prefix of each earlier stream that it takes over; what an older driver writes beyond it does not count.
A reader therefore needs no lock: it follows the newest stream whose `opened` it can read.
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
# After so many segments a writer gathers their events into one: a reader of a long study that was never
# closed makes few requests, at one more request per so many commits for its writer.
GATHER = 64
MOST_ATTEMPTS = 999_999  # as many as STREAM_NAME has digits for
MOST_JUNK = 100  # lines of a segment that are no events, after which the rest of it is left alone
ROLL_BYTES = 64 * 2**20

_SEGMENT = re.compile(r"(?P<first>[0-9]{8})-(?P<last>[0-9]{8})\.jsonl")


def attempt_of(stream: str) -> int:
    """Return the attempt's number in a stream's name."""
    return int(stream.split("-", 1)[0])


def newer(stream: str, than: str) -> bool:
    """Return whether one stream comes after another; two that claimed one number are told apart by name."""
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
    """Return the number of the next attempt; raises StorageError where no number is left.

    A driver that died before its first event has taken over nothing, and a folder without one is anybody's.
    """
    opened = (name for name in reversed(streams(storage)) if has_opened(storage, name))
    number = attempt_of(next(opened, "0-")) + 1
    if number > MOST_ATTEMPTS:
        raise StorageError(
            f"a study must have fewer than {MOST_ATTEMPTS} attempts, but {FOLDER} holds one of that number; "
            "remove it, no driver made it"
        )
    return number


def has_opened(storage: Storage, stream: str) -> bool:
    """Tell whether a stream has its first segment."""
    return any(segment.first == 1 for segment in segments(storage, stream))


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a stream, which by its name holds the events `first` to `last`."""

    first: int
    last: int
    name: str

    @classmethod
    def named(cls, name: str) -> Segment | None:
        """Return the segment of that name; None where it is not a segment's name."""
        match = _SEGMENT.fullmatch(name)
        first, last = (int(match["first"]), int(match["last"])) if match else (0, 0)
        return cls(first, last, name) if 1 <= first <= last else None


def segments(storage: Storage, stream: str, problems: Problems | None = None) -> list[Segment]:
    """List the segments of a stream in the order of their first event, the longest of several first.

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
    """Reads one stream, each of its files once, in the order of its events.

    What cannot be read is reported into `problems` and skipped for good, so that a prefix reads the same
    whenever it is read. `unreadable` names segments that hold events which this user may not read.
    `incomplete` tells that events were skipped because their file was not there; it may appear later.
    """

    def __init__(self, storage: Storage, stream: str, *, problems: Problems) -> None:
        self.stream = stream
        self.seen = 0
        self.unreadable: list[str] = []
        self.incomplete = False
        self._storage = storage
        self._problems = problems
        self._torn: set[str] = set()  # names of segments that lack events which they are named after
        self._known_gap = 0  # the last event that any of those was named after
        self._begun: dict[str, bytes] = {}  # the segment that was read in part, by its name

    def poll(self, upto: int | None = None) -> Iterator[Event]:
        """Yield the events that have come since the last call, up to number `upto`."""
        # A listing is not one moment: meanwhile the driver appends, and rolls its stream when it closes.
        # What a listing lacks, and what is gone when it is read, counts as missing at the third look.
        for last_look in (False, False, True):
            if (yield from self._look(upto, last_look=last_look)):
                return

    def _look(self, upto: int | None, *, last_look: bool) -> Generator[Event, None, bool]:
        """List and read once; False where another look may find more."""
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
                self._skip(segment, "is listed but is no file that can be read; skipped")
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
        """Yield the new events of a segment. Its lines count, and not how many its name claims."""
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
                self._skip(segment, "is torn, or not a driver's; what is no event in it was skipped")
            else:
                if event is not None:
                    yield event
        if number < last:
            self._skip(segment, "is torn, or not a driver's; what is no event in it was skipped")

    def _skip(self, segment: Segment, why: str) -> None:
        """Read a segment no more, nor say of events that it was named after that they are missing."""
        self._torn.add(segment.name)
        self._known_gap = max(self._known_gap, segment.last)
        self._problems.add(f"{self._path(segment)} {why}")

    def _pass_over(self, last: int) -> None:
        """Go on after event number `last`, although some up to it were not found."""
        if last > self._known_gap:
            self.incomplete = True
            folder = f"{FOLDER}/{self.stream}"
            self._problems.add(f"events {self.seen + 1} to {last} of {folder} are missing; skipped")
        self.seen = last

    def _path(self, segment: Segment) -> str:
        return f"{FOLDER}/{self.stream}/{segment.name}"

    def _event(self, line: bytes, name: str) -> Event | None:
        """Return the event of a line, None for one that is said to be skipped; raises ValueError for junk."""
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
    """The stream of one attempt: events are appended, and become durable together with `commit`."""

    def __init__(self, storage: Storage, attempt: int) -> None:
        self.stream = f"{attempt:04d}-{secrets.token_hex(4)}"
        self.attempt = attempt
        self.events = 0
        self._storage = storage
        self._segments: list[str] = []
        self._lines: list[bytes] = []  # those of the whole stream; the first `events` of them are durable
        self._gathered = 0  # how many events lie in gathered segments
        self._fresh = 0  # how many segments were written since

    def append(self, event: Event) -> None:
        """Add an event to the next segment; raises ValueError for one that no reader would take."""
        try:
            data = {"v": SCHEMA, **events.to_json(event)}
            require_bounded(data)
            events.from_json(data)
            line = _encode(data)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"an event must be plain JSON, but {error}") from error
        self.append_line(line.encode())

    def append_line(self, line: bytes) -> None:
        """Add a line to the next segment as it is."""
        self._lines.append(line)

    def commit(self) -> None:
        """Write what was appended as one segment; when this returns, it is durable.

        A signal's exception may end it anywhere: the next commit then writes the same events under the same
        numbers once more.
        """
        first, last = self.events + 1, len(self._lines)
        if first > last:
            return
        self._segments.append(self._write(first, last, self._lines[self.events :]))
        self.events = last
        self._fresh += 1
        if self._fresh >= GATHER:
            self._gather()

    def roll(self) -> None:
        """Write the whole stream as one segment, so that reading an old study takes few requests.

        A very long one becomes several, each of which a reader can hold in memory.
        """
        if len(self._segments) < 2:
            return
        rolled = [self._write(first, last, self._lines[first - 1 : last]) for first, last in self._pieces()]
        # The last commit may have gathered the whole stream.
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

    def _gather(self) -> None:
        """Write the latest segments once more as one; they stay, for removing takes a request each."""
        lines = self._lines[self._gathered : self.events]
        self._segments.append(self._write(self._gathered + 1, self.events, lines))
        self._gathered, self._fresh = self.events, 0

    def check_newest(self) -> None:
        """Raise Superseded where a newer attempt has opened the study."""
        for stream in streams(self._storage):
            if newer(stream, self.stream) and has_opened(self._storage, stream):
                raise Superseded(
                    f"attempt {self.attempt} must leave the study alone: "
                    f"attempt {attempt_of(stream)} ({stream}) has taken over; look there for the result"
                )

    def _write(self, first: int, last: int, lines: Sequence[bytes]) -> str:
        name = f"{FOLDER}/{self.stream}/{first:08d}-{last:08d}.jsonl"
        self._storage.write(name, b"\n".join(lines) + b"\n")
        return name


# Made here, and not when it is used: an objective that runs in the driver may replace what json offers.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
