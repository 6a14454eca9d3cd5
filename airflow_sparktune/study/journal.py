"""The journal: append-only streams of numbered events, one stream per attempt.

    attempts/0001-9f2c41d0/00000001-00000001.jsonl     one segment = the events 1 to 1 of attempt 1
    attempts/0001-9f2c41d0/00000002-00000003.jsonl
    attempts/0002-51b07be3/00000001-00000040.jsonl     a closed stream, rolled into one segment

Only the driver of an attempt writes into its stream. The first event of a stream, `opened`, names the
prefix of each earlier stream that it takes over; what an older driver writes beyond it does not count.
A reader therefore needs no lock: it follows the newest stream whose `opened` it can read.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import StorageError, Superseded
from airflow_sparktune.study.storage import Storage

SCHEMA = 1
FOLDER = "attempts"

_STREAM = re.compile(r"(?P<attempt>\d{4,})-[0-9a-f]{8}")
_SEGMENT = re.compile(r"(?P<first>\d{8})-(?P<last>\d{8})\.jsonl")

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `events` events of a stream."""

    stream: str
    events: int


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
        if _STREAM.fullmatch(name):
            found.append(name)
        elif problems is not None:
            problems.append(f"{FOLDER}/{name} is no attempt's stream; skipped")
    return sorted(found, key=lambda name: (attempt_of(name), name))


class StreamReader:
    """Reads one stream, each of its files once, in the order of its events."""

    def __init__(self, storage: Storage, stream: str, *, problems: list[str]) -> None:
        self.stream = stream
        self.seen = 0
        self._storage = storage
        self._problems = problems

    def poll(self, upto: int | None = None) -> Iterator[Event]:
        """The events that have come since the last call, up to number `upto`."""
        # A driver that closes rolls its stream up: a listed file may be gone when it is read.
        for _ in range(3):
            try:
                yield from self._pass(upto)
                return
            except FileNotFoundError:
                continue
        raise StorageError(
            f"the files of {FOLDER}/{self.stream} keep vanishing while they are read; "
            "look whether something else cleans up this folder"
        )

    def _pass(self, upto: int | None) -> Iterator[Event]:
        folder = f"{FOLDER}/{self.stream}"
        for name in self._storage.names(folder):
            match = _SEGMENT.fullmatch(name)
            if match is None:
                self._report(f"{folder}/{name} is no segment; skipped")
                continue
            first, last = int(match["first"]), int(match["last"])
            if last <= self.seen or (upto is not None and first > upto):
                continue
            lines = self._storage.read(f"{folder}/{name}").split(b"\n")
            for number, line in enumerate(lines[: last - first + 1], start=first):
                if number <= self.seen or (upto is not None and number > upto):
                    continue
                self.seen = number
                event = self._event(line, f"{folder}/{name}", number)
                if event is not None:
                    yield event
            # Torn lines are skipped for good: what is read as a prefix once reads the same for ever.
            self.seen = max(self.seen, last if upto is None else min(last, upto))

    def _event(self, line: bytes, name: str, number: int) -> Event | None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            self._report(f"event {number} in {name} is torn; skipped")
            return None
        if event.get("v", SCHEMA) > SCHEMA:
            self._report(
                f"{name} was written by a later version of airflow-sparktune (schema {event['v']}, "
                f"this one reads {SCHEMA}); upgrade to see all of it"
            )
        return event

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
        self._pending: list[bytes] = []
        self._segments: list[str] = []
        self._lines: list[bytes] = []

    def append(self, event: Event) -> None:
        """Add an event to the next segment; raises ValueError for what JSON cannot hold."""
        line = json.dumps({"v": SCHEMA, **event}, allow_nan=False, separators=(",", ":"))
        self._pending.append(line.encode())

    def commit(self) -> None:
        """Write what was appended as one segment; when this returns, it is durable."""
        if not self._pending:
            return
        first, last = self.events + 1, self.events + len(self._pending)
        self._segments.append(self._write(first, last, self._pending))
        self._lines += self._pending
        self.events = last
        self._pending = []

    def roll(self) -> None:
        """Write the whole stream as one segment, so that reading an old study takes few requests."""
        if len(self._segments) < 2:
            return
        rolled = self._write(1, self.events, self._lines)
        for name in self._segments:
            self._storage.remove(name)
        self._segments = [rolled]

    def check_newest(self) -> None:
        """Raise Superseded where a newer attempt has opened the study."""
        for stream in streams(self._storage):
            if newer(stream, self.stream):
                raise Superseded(
                    f"attempt {self.attempt} must leave the study alone: "
                    f"attempt {attempt_of(stream)} ({stream}) has taken over; look there for the result"
                )

    def _write(self, first: int, last: int, lines: Sequence[bytes]) -> str:
        name = f"{FOLDER}/{self.stream}/{first:08d}-{last:08d}.jsonl"
        self._storage.write(name, b"\n".join(lines) + b"\n")
        return name
