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

import math
import re
import secrets
from collections.abc import Generator, Iterator, Sequence

# Bound here: trials on the driver run in its process, and may replace what a module offers.
from json import JSONDecoder, dumps
from typing import NoReturn

from airflow_sparktune.errors import Superseded
from airflow_sparktune.study import events, shape
from airflow_sparktune.study.events import STREAM_NAME, Event
from airflow_sparktune.study.storage import Storage

SCHEMA = 1
FOLDER = "attempts"
# After so many segments a writer gathers their events into one: a reader of a long study that was never
# closed makes few requests, at one more request per so many commits for its writer.
GATHER = 64

_SEGMENT = re.compile(r"(?P<first>[0-9]{8})-(?P<last>[0-9]{8})\.jsonl")


def attempt_of(stream: str) -> int:
    """The attempt's number in a stream's name."""
    return int(stream.split("-", 1)[0])


def newer(stream: str, than: str) -> bool:
    """Whether one stream comes after another; two that claimed one number are told apart by name."""
    return (attempt_of(stream), stream) > (attempt_of(than), than)


def streams(storage: Storage, problems: list[str] | None = None) -> list[str]:
    """The streams of a study, oldest first; foreign names are reported into `problems`."""
    found = []
    for name in storage.names(FOLDER):
        if STREAM_NAME.fullmatch(name):
            found.append(name)
        elif problems is not None:
            problems.append(f"{FOLDER}/{name} is no attempt's stream; skipped")
    return sorted(found, key=lambda name: (attempt_of(name), name))


def segments(storage: Storage, stream: str, problems: list[str] | None = None) -> list[tuple[str, int, int]]:
    """The segments of a stream with their first and last event's number; foreign names go into `problems`.

    In the order of the first, the longest of several first.
    """
    found = []
    for name in storage.names(f"{FOLDER}/{stream}"):
        match = _SEGMENT.fullmatch(name)
        first, last = (int(match["first"]), int(match["last"])) if match else (0, 0)
        if 1 <= first <= last:
            found.append((name, first, last))
        elif problems is not None:
            problems.append(f"{FOLDER}/{stream}/{name} is no segment; skipped")
    return sorted(found, key=lambda segment: (segment[1], -segment[2]))


class StreamReader:
    """Reads one stream, each of its files once, in the order of its events.

    What cannot be read is reported into `problems` and skipped for good, so that what was read as a prefix
    once reads the same for ever.
    """

    def __init__(self, storage: Storage, stream: str, *, problems: list[str]) -> None:
        self.stream = stream
        self.seen = 0
        self._storage = storage
        self._problems = problems

    def poll(self, upto: int | None = None) -> Iterator[Event]:
        """The events that have come since the last call, up to number `upto`."""
        # A listing is not one moment: meanwhile the driver appends, and rolls its stream when it closes.
        # What a listing lacks, and what is gone when it is read, counts as missing at the third look.
        for last_look in (False, False, True):
            if (yield from self._look(upto, last_look=last_look)):
                return

    def _look(self, upto: int | None, *, last_look: bool) -> Generator[Event, None, bool]:
        """List and read once; False where another look may find more."""
        folder = f"{FOLDER}/{self.stream}"
        for name, first, last in segments(self._storage, self.stream, self._problems):
            if last <= self.seen or (upto is not None and self.seen >= upto):
                continue
            if first > self.seen + 1:
                if not last_look:
                    return False
                self._report(f"events {self.seen + 1} to {first - 1} of {folder} are missing; skipped")
                self.seen = first - 1
            try:
                lines = self._storage.read(f"{folder}/{name}").split(b"\n")
            except FileNotFoundError:
                if not last_look:
                    return False
                self._report(f"{folder}/{name} is listed but is no file that can be read; skipped")
                continue
            for number in range(self.seen + 1, (last if upto is None else min(last, upto)) + 1):
                self.seen = number
                line = lines[number - first] if number - first < len(lines) else b""
                event = self._event(line, f"{folder}/{name}")
                if event is not None:
                    yield event
        return upto is None or self.seen >= upto

    def _event(self, line: bytes, name: str) -> Event | None:
        try:
            data = _DECODER.decode(line.decode())
        except (ValueError, RecursionError):
            data = None
        if not (
            isinstance(data, dict) and shape.text(data.get("event")) and shape.whole(data.get("v", SCHEMA))
        ):
            self._report(f"{name} is torn, or not a driver's; what is no event in it was skipped")
            return None
        if data.get("v", SCHEMA) > SCHEMA:
            self._report(
                f"{name} was written by a later version of airflow-sparktune (schema {data['v']}, "
                f"this one reads {SCHEMA}) and was skipped; upgrade to see all of it"
            )
            return None
        try:
            return events.from_json(data)
        except ValueError as error:
            self._report(f"{error}, in {name}; skipped")
            return None

    def _report(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)


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
        """Add an event to the next segment; raises ValueError for what JSON cannot hold."""
        try:
            line = dumps({"v": SCHEMA, **events.to_json(event)}, allow_nan=False, separators=(",", ":"))
        except TypeError as error:
            raise ValueError(f"an event must be plain JSON, but {error}") from error
        self._lines.append(line.encode())

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
        """Write the whole stream as one segment, so that reading an old study takes few requests."""
        if len(self._segments) < 2:
            return
        rolled = self._write(1, self.events, self._lines[: self.events])
        # The last commit may have gathered the whole stream.
        self._storage.remove([name for name in self._segments if name != rolled])
        self._segments = [rolled]
        self._gathered, self._fresh = self.events, 0

    def _gather(self) -> None:
        """Write the latest segments once more as one; they stay, for removing takes a request each."""
        lines = self._lines[self._gathered : self.events]
        self._segments.append(self._write(self._gathered + 1, self.events, lines))
        self._gathered, self._fresh = self.events, 0

    def check_newest(self) -> None:
        """Raise Superseded where a newer attempt has opened the study."""
        for stream in streams(self._storage):
            if newer(stream, self.stream) and self._has_opened(stream):
                raise Superseded(
                    f"attempt {self.attempt} must leave the study alone: "
                    f"attempt {attempt_of(stream)} ({stream}) has taken over; look there for the result"
                )

    def _has_opened(self, stream: str) -> bool:
        # A driver that died on the way to its first event has taken over nothing.
        return any(first == 1 for _, first, _ in segments(self._storage, stream))

    def _write(self, first: int, last: int, lines: Sequence[bytes]) -> str:
        name = f"{FOLDER}/{self.stream}/{first:08d}-{last:08d}.jsonl"
        self._storage.write(name, b"\n".join(lines) + b"\n")
        return name


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond any float")
    return number


_DECODER = JSONDecoder(parse_constant=_refuse, parse_float=_finite)
