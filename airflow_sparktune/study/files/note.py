"""A person's note about a study: files beside its journal, each written once; the last one counts.

    notes/00000001.json

A note is no event of the journal, which only drivers write, and no part of the result. The number of a file
follows that of the note which its author has seen. So of two who write at the same time, one learns of the
other's note instead of replacing it unseen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from airflow_sparktune.errors import SpecError
from airflow_sparktune.printable import one_line, printable
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.storage import Storage

FOLDER = "notes"
LONGEST = 2_000
_LONGEST_NAME = 200
# A larger file was not written by this package.
_LARGEST = 20_000
_NAME = re.compile(r"[0-9]{8}\.json")


class NoteChanged(Exception):
    """Someone else has written a note in the meantime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(JsonObject):
    """A note, who wrote it, and when in seconds since 1970. An empty text removes the note before it."""

    WHAT: ClassVar[str] = "a note"

    number: int = stored(shape.whole)
    text: str = stored(shape.text)
    by: str = stored(shape.words)
    at: float = stored(shape.moment)


def read_note(storage: Storage) -> Note | None:
    """Return the study's note, or None. A file that no version of this package wrote is skipped."""
    for name in sorted(filter(_NAME.fullmatch, storage.names(FOLDER)), reverse=True):
        try:
            data = storage.read(f"{FOLDER}/{name}")
            note = Note.from_json({**decoded(data[:_LARGEST]), "number": _number(name)})
        except (ValueError, TypeError, FileNotFoundError):
            continue
        return replace(note, text=printable(note.text)[:LONGEST], by=note.by[:_LONGEST_NAME])
    return None


def write_note(storage: Storage, text: str, *, replaces: int, by: str, wall: Callable[[], float]) -> Note:
    """Write a note in place of note number `replaces`, 0 if there is none.

    Raises NoteChanged if that is no longer the last one, and SpecError if the text is too long.
    """
    text = printable(text).strip()
    if len(text) > LONGEST:
        raise SpecError(
            f"a note must have at most {LONGEST} characters, got {len(text)}; link to a longer text instead"
        )
    last = max(map(_number, filter(_NAME.fullmatch, storage.names(FOLDER))), default=0)
    note = Note(number=replaces + 1, text=text, by=one_line(by)[:_LONGEST_NAME], at=wall())
    data = json.dumps(note.to_json(), ensure_ascii=False).encode()
    if last != replaces or not storage.create(f"{FOLDER}/{note.number:08d}.json", data):
        raise NoteChanged("someone else has written a note in the meantime; read it, then write yours again")
    return note


def _number(name: str) -> int:
    return int(name.partition(".")[0])
