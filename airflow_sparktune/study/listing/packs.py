"""The rows of studies at addresses, for readers that know no task."""

from __future__ import annotations

from airflow_sparktune.study.address import folder_of, split
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.streams import FOLDER as ATTEMPTS
from airflow_sparktune.study.listing.listed import mark_of
from airflow_sparktune.study.listing.pack import read_pack
from airflow_sparktune.study.listing.row import StudyRow, row_of
from airflow_sparktune.study.storage import open_storage


class Packs:
    """Returns rows, from the packs of their tasks as far as they count; reads each pack once."""

    def __init__(self) -> None:
        self._packs: dict[str, dict[str, StudyRow]] = {}

    def row(self, address: str) -> StudyRow:
        """Return the row of the study at an address; raises StorageError."""
        storage, own = open_storage(address), split(address)
        if own is not None:
            mark = mark_of(f"{ATTEMPTS}/{path}" for path in storage.tree(ATTEMPTS))
            for task in (folder_of(own[0]), folder_of(folder_of(own[0]))):  # the task may be mapped
                row = self._pack(task).get(address.removeprefix(f"{task}/"))
                if row is not None and row.mark == mark:
                    return row
        follower = StudyFollower(storage)
        follower.refresh()
        return row_of(follower, storage)

    def _pack(self, task: str) -> dict[str, StudyRow]:
        if task not in self._packs:
            self._packs[task] = read_pack(open_storage(task))
        return self._packs[task]
