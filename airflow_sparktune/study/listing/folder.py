"""The rows of a task's studies: from memory, from the pack, or from the journals."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.problems import INVALID
from airflow_sparktune.study.listing.listed import Listed, listed
from airflow_sparktune.study.listing.pack import NAME, read_pack, write_pack
from airflow_sparktune.study.listing.row import StudyRow, row_of
from airflow_sparktune.study.record.champions import FOLDER as RECORD
from airflow_sparktune.study.record.champions import Champions, record_folder
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.storage import Storage
from airflow_sparktune.study.storage.below import Below

log = logging.getLogger(__name__)

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

    `packed` tells that there is a pack. `records` has the files in the record of champions, by the names of
    the segments' folders. `known` keeps rows between two listings; several threads may share it.
    """

    address: str
    storage: Storage
    studies: Sequence[Listed]
    packed: bool = False
    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known: MutableMapping[str, StudyRow] = field(default_factory=dict)

    @classmethod
    def listed(cls, address: str, storage: Storage, paths: Sequence[str]) -> TaskFolder:
        """Return the folder with these files."""
        records: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if path.startswith(f"{RECORD}/") and path.count("/") == 2:
                _, name, file = path.split("/")
                records[name].append(file)
        return cls(address, storage, listed(paths), packed=NAME in paths, records=records)

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
            packed = _counting([each for each in studies if each not in found], read_pack(self.storage))
            self.known.update({each.path: row for each, row in packed.items()})
            found |= packed
        return found

    def read(self, study: Listed) -> StudyRow | None:
        """Return the row of a study from its journal; None, with a line in the log, if it cannot be read.

        A row without files that may appear later is not kept, because they would not change the mark.
        """
        storage = self.storage_of(study)
        follower = StudyFollower(storage)
        try:
            if study.closed_folder:
                raise PermissionError(f"the folder of {study.run} cannot be listed")
            follower.refresh()
            row = row_of(follower, storage)
        except UNREADABLE:
            log.exception("The study %s/%s cannot be read", self.address, study.path)
            return None
        if not follower.incomplete and not follower.unreadable:
            self.known[study.path] = row
        return row

    def pack(self, *, enough: Callable[[], bool]) -> None:
        """Write the rows of all studies into the pack; read missing ones until `enough`, newest first."""
        known = self.kept(self.studies)
        for study in self.studies:
            if study not in known and study.mark is not None and not enough():
                self.read(study)
        if rows := _counting(self.studies, self.known):
            write_pack(self.storage, {study.path: row for study, row in rows.items()})


def _counting(studies: Iterable[Listed], rows: Mapping[str, StudyRow]) -> dict[Listed, StudyRow]:
    """Return the rows that count: those at the marks of their studies."""
    found = ((study, rows.get(study.path)) for study in studies if study.mark is not None)
    return {study: row for study, row in found if row is not None and row.mark == study.mark}
