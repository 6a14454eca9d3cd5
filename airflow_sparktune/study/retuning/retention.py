"""Remove old studies; keep the newest ones, and those that the record of champions needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from airflow_sparktune.errors import RecordError, SpecError, StorageError
from airflow_sparktune.study.address import folder_of
from airflow_sparktune.study.generations import is_generation
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.journal.streams import segments as segments_of
from airflow_sparktune.study.journal.streams import streams
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.retuning.champions import Champions, segments
from airflow_sparktune.study.retuning.entries import Action, Entry, champion_of
from airflow_sparktune.study.storage import Storage, clear, open_storage, without_connection

# The studies of Airflow are five folders below their root.
_DEEPEST = 6
_AGE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)\s*(?P<unit>[hdw])")
_UNITS_S = {"h": 3_600, "d": 86_400, "w": 604_800}
_INDEX = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Keep:
    """The studies to keep: the `newest` ones of a task, or those younger than `age_s` seconds.

    >>> Keep.of("keep_studies", 20), Keep.of("keep_studies", "30d")
    (Keep(newest=20, age_s=None), Keep(newest=None, age_s=2592000.0))
    """

    newest: int | None = None
    age_s: float | None = None

    @classmethod
    def of(cls, name: str, value: Any) -> Keep:
        """Return the rule that a user wrote; raises SpecError unless it is a number or an age."""
        if isinstance(value, timedelta) and value > timedelta():
            return cls(age_s=value.total_seconds())
        text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        if text.isdecimal() and int(text) > 0:
            return cls(newest=int(text))
        age = _AGE.fullmatch(text)
        if age is not None and float(age["number"]) > 0:
            return cls(age_s=float(age["number"]) * _UNITS_S[age["unit"]])
        raise SpecError(
            f"{name} must be a number of studies, or an age in hours, days or weeks (12h, 30d, 8w, a "
            f"timedelta), got {value!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A study; `heard` is the time of its last event in seconds since 1970, `over` if no driver runs it."""

    address: str
    heard: float
    over: bool

    @property
    def _parts(self) -> tuple[str, str]:
        """Return the task's folder and the map index; for a study outside Airflow, its parent folder."""
        folder, _, name = self.address.rpartition("/")
        if not is_generation(name):
            return folder, ""
        index = folder.rpartition("/")[2]
        return (folder_of(folder_of(folder)), index) if _INDEX.fullmatch(index) else (folder_of(folder), "")

    @property
    def task(self) -> str:
        """Return the folder of the task's studies."""
        return self._parts[0]

    @property
    def series(self) -> tuple[str, str]:
        """Return a key that is equal for the studies of one task and map index."""
        return self._parts


def find(root: str, *, now: float) -> list[Found]:
    """Return the studies below a folder or URL that have a readable event.

    The remains of a study whose removal was interrupted are included, with `heard` = 0.
    """
    found = []
    for address in addresses(root):
        study = read_study(address).study
        if study.attempts:
            over = phase_of(study, now=now).over
            found.append(Found(address=address, heard=study.attempts[-1].last, over=over))
        elif _is_remains(open_storage(address)):
            found.append(Found(address=address, heard=0.0, over=True))
    return found


def addresses(root: str) -> Iterator[str]:
    """Yield the addresses of the folders with a journal: `root` and those below it."""
    for folder in _folders(open_storage(root), "", _DEEPEST):
        yield f"{root.rstrip('/')}/{folder}".rstrip("/")


def removable(found: Iterable[Found], keep: Keep, *, now: float) -> list[Found]:
    """Return the studies that may be removed, oldest first.

    Running studies are kept, and those that the record of champions needs: the one that found the champion,
    the one that last confirmed it, and the one whose winner waits for promotion. Raises RecordError if the
    record cannot be read.
    """
    studies = sorted(found, key=lambda each: each.series)
    tasks = {each.task for each in studies}
    needed = {_canonical(address) for task in tasks for address in in_production(task)}
    extra: list[Found] = []
    for _, series in groupby(studies, key=lambda each: each.series):
        newest_first = sorted(series, key=lambda each: each.heard, reverse=True)
        for rank, each in enumerate(newest_first):
            kept = rank < keep.newest if keep.newest is not None else now - each.heard < (keep.age_s or 0.0)
            if not kept and each.over and _canonical(each.address) not in needed:
                extra.append(each)
    return sorted(extra, key=lambda each: each.heard)


def in_production(task: str) -> set[str]:
    """Return the addresses of the studies that a task's record of champions needs."""
    needed: set[str] = set()
    for segment in segments(task):
        problems: list[str] = []
        entries = Champions(task, segment).history(problems)
        if problems:
            raise RecordError(problems[0])
        needed.update(entry.study for entry in _needed(entries) if entry.study is not None)
    return needed


def remove(study: Found) -> None:
    """Remove a study; the first segment of each stream goes first, so that no half of a study is readable."""
    storage = open_storage(study.address)
    beginnings = [
        segment.path
        for stream in streams(storage)
        for segment in segments_of(storage, stream)
        if segment.first == 1
    ]
    if beginnings:
        storage.remove(beginnings)
    clear(study.address, within=study.task)


def prune(found: Iterable[Found], problems: list[str]) -> list[str]:
    """Remove studies and return their addresses; add the errors of the others to `problems`."""
    removed = []
    for each in found:
        try:
            remove(each)
        except StorageError as error:
            problems.append(str(error))
        else:
            removed.append(each.address)
    return removed


def _needed(entries: list[Entry]) -> Iterator[Entry]:
    """Yield the entry of the current champion, its newest confirmation, and the newest proposal."""
    last = {entry.action: entry for entry in entries}
    found = (champion_of(entries), last.get(Action.KEPT), last.get(Action.PROPOSED))
    yield from (entry for entry in found if entry is not None)


def _canonical(address: str) -> str:
    """Return the canonical form of an address."""
    return without_connection(address).rstrip("/") if "://" in address else str(Path(address).resolve())


def _is_remains(storage: Storage) -> bool:
    """Return whether a folder has segments, but not the first of any stream."""
    found = [segment for stream in streams(storage) for segment in segments_of(storage, stream)]
    return bool(found) and all(segment.first > 1 for segment in found)


def _folders(storage: Storage, folder: str, depth: int) -> Iterator[str]:
    names = storage.names(folder)
    if ATTEMPTS in names:
        yield folder
    elif depth > 0:
        for name in names:
            yield from _folders(storage, f"{folder}/{name}" if folder else name, depth - 1)
