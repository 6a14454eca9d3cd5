"""The note of a study in its folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.files.note import FOLDER, LONGEST, NoteChanged, read_note, write_note
from airflow_sparktune.study.storage import LocalStorage


def write(storage: LocalStorage, text: str, *, replaces: int = 0, by: str = "ada") -> None:
    write_note(storage, text, replaces=replaces, by=by, wall=lambda: 5.0)


def test_the_last_note_counts(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    assert read_note(storage) is None
    write(storage, "one\ntwo")
    write(storage, "three", replaces=1, by="bob\n2026 ERROR")

    note = read_note(storage)

    assert note is not None
    assert (note.number, note.text, note.by, note.at) == (2, "three", "bob 2026 ERROR", 5.0)


def test_of_many_writers_at_the_same_time_one_succeeds(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)

    def attempt(number: int) -> bool:
        try:
            write(storage, str(number))
        except NoteChanged:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))

    assert won.count(True) == 1
    assert (note := read_note(storage)) is not None
    assert note.text == str(won.index(True))


@pytest.mark.parametrize("replaces", [0, 2, -1])
def test_a_note_replaces_the_last_one_only(tmp_path: Path, replaces: int) -> None:
    storage = LocalStorage(tmp_path)
    write(storage, "one")

    with pytest.raises(NoteChanged):
        write(storage, "two", replaces=replaces)

    assert (note := read_note(storage)) is not None
    assert note.text == "one"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"text": 1}', b"{" * 100_000, b"\xff"])
def test_files_of_strangers_are_skipped(tmp_path: Path, content: bytes) -> None:
    storage = LocalStorage(tmp_path)
    write(storage, "one")
    storage.write(f"{FOLDER}/00000002.json", content)
    storage.write(f"{FOLDER}/README", b"hello")

    assert (note := read_note(storage)) is not None
    assert note.text == "one"


def test_a_note_is_bounded_and_printable(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with pytest.raises(SpecError, match="at most 2000 characters, got 2001"):
        write(storage, "x" * (LONGEST + 1))
    write(storage, f" a{chr(27)}[31mb ")

    assert (note := read_note(storage)) is not None
    assert note.text == "a[31mb"
