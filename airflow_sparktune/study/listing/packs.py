"""The rows of studies at addresses, for readers that know no task."""

from __future__ import annotations

from contextlib import suppress

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import folder_of, split
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.listing.listed import mark_of
from airflow_sparktune.study.listing.pack import read_pack
from airflow_sparktune.study.listing.row import StudyRow, row_of
from airflow_sparktune.study.storage import open_storage

# How many folders above the last one may be that of the task.
_DEEPEST = 3


class Packs:
    """Returns rows, from the packs of their tasks as far as they count; reads each pack once."""

    def __init__(self) -> None:
        self._packs: dict[str, dict[str, StudyRow]] = {}

    def row(self, address: str) -> StudyRow:
        """Return the row of the study at an address; raises StorageError."""
        storage, own = open_storage(address), split(address)
        if own is not None:
            mark = mark_of(f"{ATTEMPTS}/{path}" for path in storage.tree(ATTEMPTS))
            task = own[0]
            for _ in range(_DEEPEST):  # a map index and a segment may be below the run
                task = folder_of(task)
                row = self._pack(task).get(address.removeprefix(f"{task}/"))
                if row is not None and row.mark == mark:
                    return row
        follower = StudyFollower(storage)
        follower.refresh()
        with suppress(StorageError):
            return row_of(follower, read_task(address))
        return row_of(follower, None)

    def _pack(self, task: str) -> dict[str, StudyRow]:
        if task not in self._packs:
            self._packs[task] = read_pack(open_storage(task))
        return self._packs[task]
