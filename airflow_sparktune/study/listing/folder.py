"""The rows of a task's studies: from memory, from the pack, or from the journals."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from airflow_sparktune.errors import SparktuneError, StorageError
from airflow_sparktune.study.files.airflow_task import AirflowTask, task_in
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.problems import INVALID
from airflow_sparktune.study.listing.listed import Listed, listed
from airflow_sparktune.study.listing.pack import NAME, read_pack, write_pack
from airflow_sparktune.study.listing.row import StudyRow, row_of
from airflow_sparktune.study.record.champions import FOLDER as RECORD
from airflow_sparktune.study.record.champions import Champions, record_folder
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.storage.at_once import at_once
from airflow_sparktune.study.storage.below import Below

log = logging.getLogger(__name__)

_READERS = 8
UNREADABLE = (SparktuneError, OSError, *INVALID)


@dataclass(frozen=True, slots=True)
class _Listed(Below):
    """A folder whose names are known."""

    listed: Sequence[str]

    def names(self, folder: str) -> list[str]:  # noqa: ARG002 - there are no folders in it
        return list(self.listed)


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """The folder of a task at an address, and its studies as one listing showed them, newest run first.

    `applications` have segments, whose studies are among the others. `part` is the folder of
    the only task instance that was listed. `packed` tells that there may be a pack.
    `records` has the files in the record of champions, by the names of the segments' folders. `known` keeps
    rows between two listings, and `followed` the followers of studies that have not ended; several threads
    may share them.
    """

    address: str
    storage: Storage
    studies: Sequence[Listed]
    applications: Sequence[Listed] = ()
    packed: bool = False
    part: str = ""
    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known: MutableMapping[str, StudyRow] = field(default_factory=dict)
    followed: MutableMapping[str, StudyFollower] = field(default_factory=dict)
    tasks: MutableMapping[str, AirflowTask] = field(default_factory=dict)

    @classmethod
    def listed(cls, address: str, storage: Storage, paths: Sequence[str]) -> TaskFolder:
        """Return the folder with these files."""
        records: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if path.startswith(f"{RECORD}/") and path.count("/") == 2:
                _, name, file = path.split("/")
                records[name].append(file)
        found = listed(paths)
        return cls(
            address,
            storage,
            [each for each in found if not each.application],
            [each for each in found if each.application],
            packed=NAME in paths,
            records=records,
        )

    def storage_of(self, study: Listed) -> Storage:
        """Return the storage of a study; no link in the task's folder leads it elsewhere."""
        return Below(self.storage, study.path) if study.path else self.storage

    def champions(self, segment: str | None, known: MutableMapping[str, Entry]) -> Champions | None:
        """Return the record of champions of a segment as it was listed; None if there is none."""
        name = record_folder(segment)
        if name not in self.records:
            return None
        storage = _Listed(self.storage, f"{RECORD}/{name}", self.records[name])
        return Champions(self.address, segment, known=known, storage=storage)

    def kept(self, studies: Sequence[Listed]) -> dict[Listed, StudyRow]:
        """Return the rows that need no journal: those in memory and in the pack that still count."""
        found = _counting(studies, self.known)
        if self.packed and len(found) < len(studies):
            missing = {each.path: each for each in studies if each not in found}
            packed = _counting(missing.values(), read_pack(self.storage, missing))
            self.known.update({each.path: row for each, row in packed.items()})
            found |= packed
        return found

    def read(self, study: Listed) -> StudyRow | None:
        """Return the row of a study from its journal; None, with a line in the log, if it cannot be read.

        A row without files that may appear later is not kept, because they would not change the mark.
        """
        follower = self.followed.pop(study.path, None) or StudyFollower(self.storage_of(study))
        try:
            if study.closed_folder:
                raise PermissionError(f"the folder of {study.run} cannot be listed")
            follower.refresh()
            row = row_of(follower, self._task(study))
        except UNREADABLE:
            log.exception("The study %s/%s cannot be read", self.address, study.path)
            return None
        if not follower.incomplete and not follower.unreadable:
            self.known[study.path] = row
            if follower.study.closed is None:
                self.followed[study.path] = follower
        return row

    def _task(self, study: Listed) -> AirflowTask | None:
        """Return the task instance that started a study; for all segments, the file of their application."""
        path = study.submitted
        found = self.tasks.get(path)
        if found is None:
            with suppress(StorageError):
                found = task_in(Below(self.storage, path) if path else self.storage, "")
            if found is not None:
                self.tasks[path] = found
        return found

    def pack(self, *, enough: Callable[[], bool]) -> None:
        """Write the rows of all studies into the pack; read missing ones until `enough`, newest first.

        Several are read at a time: an application may have ended a thousand, each some requests away.
        """
        known = self.kept(self.studies)
        missing = [study for study in self.studies if study not in known and study.mark is not None]
        at_once(lambda study: None if enough() else self.read(study), missing, most=_READERS)
        if rows := _counting(self.studies, self.known):
            write_pack(self.storage, {study.path: row for study, row in rows.items()})


def _counting(studies: Iterable[Listed], rows: Mapping[str, StudyRow]) -> dict[Listed, StudyRow]:
    """Return the rows that count: those at the marks of their studies."""
    found = ((study, rows.get(study.path)) for study in studies if study.mark is not None)
    return {study: row for study, row in found if row is not None and row.mark == study.mark}
