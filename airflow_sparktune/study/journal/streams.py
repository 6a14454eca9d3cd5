"""The journal: append-only streams of numbered events, one stream per attempt.

    attempts/0001-9f2c41d0/00000001-00000001.jsonl     one chunk = the events 1 to 1 of attempt 1
    attempts/0001-9f2c41d0/00000002-00000003.jsonl
    attempts/0002-51b07be3/00000001-00000040.jsonl     a closed stream, rolled into one chunk

Chunks may overlap, and then hold the same events: in a long stream, every 64th chunk also holds the
events of the 63 before it.

Only the driver of an attempt writes to its stream. The first event of a stream, `opened`, names the prefix of
each earlier stream that it takes over; events that an older driver writes beyond its prefix do not count.
A reader therefore needs no lock: it follows the newest stream whose `opened` event it can read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.journal.events import STREAM_NAME
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.storage import Storage

SCHEMA = 1
FOLDER = "attempts"
MOST_ATTEMPTS = 999_999  # the limit of the digits in STREAM_NAME

_CHUNK = re.compile(r"(?P<first>[0-9]{8})-(?P<last>[0-9]{8})\.jsonl")


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
    """Return whether a stream has its first chunk."""
    return any(chunk.first == 1 for chunk in chunks(storage, stream))


def contents(storage: Storage, stream: str) -> dict[str, bytes]:
    """Return the chunks of a stream that can be found, by their paths."""
    found = {}
    for chunk in chunks(storage, stream):
        with suppress(FileNotFoundError):  # an object may be listed, but not readable yet
            found[chunk.path] = storage.read(chunk.path)
    return found


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file of a stream; its name says that it holds the events `first` to `last`."""

    stream: str
    first: int
    last: int

    @classmethod
    def named(cls, stream: str, name: str) -> Chunk | None:
        """Return the chunk of that name, or None if the name is not a chunk's."""
        match = _CHUNK.fullmatch(name)
        first, last = (int(match["first"]), int(match["last"])) if match else (0, 0)
        return cls(stream, first, last) if 1 <= first <= last else None

    @property
    def path(self) -> str:
        """Return the file's name in the storage."""
        return f"{FOLDER}/{self.stream}/{self.first:08d}-{self.last:08d}.jsonl"


def chunks(storage: Storage, stream: str, problems: Problems | None = None) -> list[Chunk]:
    """List the chunks of a stream by their first event; among equals, the longest comes first.

    Foreign names are reported into `problems`.
    """
    folder = f"{FOLDER}/{stream}"
    found, foreign = [], []
    for name in storage.names(folder):
        if (chunk := Chunk.named(stream, name)) is not None:
            found.append(chunk)
        else:
            foreign.append(name)
    if problems is not None:
        problems.add_foreign(folder, foreign, what="a chunk")
    return sorted(found, key=lambda chunk: (chunk.first, -chunk.last))
