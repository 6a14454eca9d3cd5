"""The record of a task's champions: append-only, stored beside its studies, one record per segment.

    @champions/all/00000001.json
    @champions/segment=fr/00000001.json

An entry is one file, created once and never changed. Its name is its number, so two writers cannot both add
entry 2: the second one reads the record again. Its `cause` is what it was written for, so that a retry finds
its entry instead of adding another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from airflow_sparktune.errors import RecordError, StorageError, StorageUnavailable
from airflow_sparktune.study.address import segment_folder
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.record.entries import (
    Action,
    Entry,
    latest_moment,
    why_outdated,
)
from airflow_sparktune.study.retuning.starts import Basis
from airflow_sparktune.study.storage import Storage, open_storage

FOLDER = "@champions"
_SCHEMA = 1
# More digits than expected: an entry 99999999 must not hide the ones after it.
_NAME = re.compile(r"([0-9]{8}|[1-9][0-9]{8,17})\.json")
# How many times in a row another writer may take the number that this one wants.
_MOST_RACES = 100


class Outdated(Exception):
    """A decision must not change production any more; the message says why."""


class Champions:
    """The record of a task, or of one of its segments.

    `root` is the folder of the task's studies. The list of entries is read again in each call, because the
    driver, a task and the shell may all write to the record. An entry never changes: `known` caches entries.
    `storage` is that of the record's own folder, if it is open already.
    """

    def __init__(
        self,
        root: str,
        segment: str | None = None,
        *,
        known: MutableMapping[str, Entry] | None = None,
        storage: Storage | None = None,
    ) -> None:
        self._known = {} if known is None else known
        self.root = root.rstrip("/")
        self.segment = segment
        self.address = f"{self.root}/{FOLDER}/{record_folder(segment)}"
        self._storage: Storage = open_storage(self.address) if storage is None else storage

    def current(self) -> Entry | None:
        """Return the entry whose params are in production, or None before the first.

        Raises RecordError if an entry that may be newer cannot be read, because falling back to an older
        champion would be a silent rollback.
        """
        return self._champion(self._names())

    def since_champion(self) -> list[Entry]:
        """Return the champion's entry and those after it, newest first; all entries if there is no champion.

        Raises RecordError as `current` does.
        """
        entries = []
        for entry in map(self._read, reversed(self._names())):
            entries.append(entry)
            if entry.action.sets_champion:
                break
        return entries

    def previous(self, most: int = 1, *, but: str | None = None) -> list[Entry]:
        """Return the entries of the last studies with a result, newest first, except that of study `but`."""
        found: dict[str, Entry] = {}
        for entry in map(self._read, reversed(self._names())):
            if entry.study is None or entry.study == but or entry.action is Action.RESTORED:
                continue
            found.setdefault(entry.study, entry)
            if len(found) == most:
                break
        return list(found.values())

    def history(self, problems: list[str] | None = None) -> list[Entry]:
        """Return every readable entry, oldest first; describe the others in `problems`."""
        return self._readable(self._names(), problems)

    def newest(self, most: int) -> tuple[list[Entry], int]:
        """Return the newest entries, newest first, and the number of older ones; raises RecordError."""
        names = self._names()
        return [self._read(name) for name in names[::-1][:most]], max(len(names) - most, 0)

    def numbers(self) -> list[int]:
        """Return the numbers of all entries, without reading the entries."""
        return list(map(_number, self._names()))

    def entry(self, number: int) -> Entry:
        """Return the entry with that number; raises RecordError if there is none."""
        for name in self._names():
            if _number(name) == number:
                return self._read(name)
        raise RecordError(
            f"the record of champions at {self.address} must have an entry {number} to restore, got none; "
            "`sparktune champion --history` lists the entries"
        )

    def add(self, action: Action, *, cause: str, basis: Basis | None = None, **facts: Any) -> Entry:
        """Add an entry unless `cause` already has one; return the entry of `cause`.

        With `basis`, the entry is added only if the decision still holds on the record as it is then: raises
        Outdated otherwise, and RecordError if the champion cannot be read.
        """
        for _ in range(_MOST_RACES):
            names = self._names()
            entries = self._readable(names)
            if (own := next((entry for entry in entries if entry.cause == cause), None)) is not None:
                return own
            if basis is not None:
                self._champion(names)
                if (why := why_outdated(basis, entries)) is not None:
                    raise Outdated(why)
            number = max(map(_number, names), default=0) + 1
            name = f"{number:08d}.json"
            if not _NAME.fullmatch(name):
                raise RecordError(
                    f"the number of an entry must have at most 18 digits, got {number} after the last one at "
                    f"{self.address}; remove that file, because nothing of this package wrote it"
                )
            entry = Entry(number=number, action=action, cause=cause, segment=self.segment, **facts)
            text = json.dumps({"v": _SCHEMA, **entry.to_json()}, allow_nan=False, indent=1)
            if self._storage.create(name, text.encode()):
                return entry
        raise StorageUnavailable(
            f"an entry of the record of champions must get a number of its own, but {_MOST_RACES} in a row "
            f"were taken at {self.address}; check that this storage lists a file right after it was written"
        )

    def restore(self, number: int, *, at: float, by: str) -> Entry:
        """Restore an earlier champion, by adding an entry about the rollback.

        Raises RecordError if that entry never set the champion: what was rejected or only proposed must not
        reach production this way.
        """
        old = self.entry(number)
        if not old.action.sets_champion:
            raise RecordError(
                f"an entry to restore must have set the champion, got {old.title} at {self.address}; "
                "`sparktune champion --history` lists the entries, and promote_champion() promotes a proposal"
            )
        return self.add(
            Action.RESTORED,
            cause=f"restore {number} at {at!r} by {by}",
            at=at,
            params=old.params,
            point=old.point,
            loss=old.loss,
            maximize=old.maximize,
            study=old.study,
            by=by,
            reason=f"restored {old.title}",
            # A person restores in view of all that was decided so far.
            moment=latest_moment(self.history()),
            restores=number,
        )

    def _champion(self, names: Sequence[str]) -> Entry | None:
        entries = map(self._read, reversed(names))
        return next((entry for entry in entries if entry.action.sets_champion), None)

    def _readable(self, names: Sequence[str], problems: list[str] | None = None) -> list[Entry]:
        entries = []
        for name in names:
            try:
                entries.append(self._read(name))
            except RecordError as error:
                if problems is not None:
                    problems.append(str(error))
        return entries

    def _names(self) -> list[str]:
        return sorted(filter(_NAME.fullmatch, self._storage.names("")), key=_number)

    def _read(self, name: str) -> Entry:
        path = f"{self.address}/{name}"
        if path not in self._known:
            self._known[path] = self._parse(name, path)
        return self._known[path]

    def _parse(self, name: str, path: str) -> Entry:
        try:
            data = decoded(self._storage.read(name))
            if shape.group(data) and data.get("v", _SCHEMA) > _SCHEMA:
                raise RecordError(
                    f"the record of champions must be of schema {_SCHEMA} or older, got {data['v']} in "
                    f"{path}: a later version of airflow-sparktune wrote it; upgrade this one"
                )
            return Entry.from_json({**data, "number": _number(name)})
        except (ValueError, LookupError, TypeError, FileNotFoundError) as error:
            raise RecordError(
                f"an entry of the record of champions must be valid, but {path} is torn ({error}); restore "
                "the file from a backup, or remove it and run `sparktune champion --restore N`"
            ) from error


def segments(
    root: str, unreadable: list[str] | None = None, *, but: Iterable[str] | None = None
) -> list[str | None]:
    """Return the segments with champions; None stands for a task without segments.

    A segment's name is in its entries. Records without a readable entry are added to `unreadable`, by the
    names of their folders. With `but`, the records of these segments are not read, nor is that of a task
    without segments.
    """
    root, found = root.rstrip("/"), list[str | None]()
    passed_over = set() if but is None else {record_folder(None), *map(record_folder, but)}
    for folder in open_storage(f"{root}/{FOLDER}").names(""):
        if folder in passed_over:
            continue
        if folder == record_folder(None):
            found.append(None)
            continue
        try:
            found += _segment_of(open_storage(f"{root}/{FOLDER}/{folder}"), folder)
        except (StorageError, RecordError) as error:
            if unreadable is not None:
                unreadable.append(folder)
            elif isinstance(error, StorageError):
                raise
    return found


def _segment_of(storage: Storage, folder: str) -> list[str | None]:
    """Return the segment of a record, as its newest entry that belongs there says; none if it is empty."""
    names = [name for name in reversed(storage.names("")) if _NAME.fullmatch(name)]
    for name in names:
        with suppress(ValueError, LookupError, TypeError, FileNotFoundError):
            segment = Entry.from_json(decoded(storage.read(name))).segment
            if record_folder(segment) == folder:
                return [segment]
    if names:
        raise RecordError("a record of champions must have a readable entry, but all are torn")
    return []


def record_folder(segment: str | None) -> str:
    """Return the name of a segment's folder; `all` for a task without segments."""
    return "all" if segment is None else segment_folder(segment)


def _number(name: str) -> int:
    return int(name.partition(".")[0])
