"""A storage with outdated listings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.storage import Storage


class Disturbed:
    """A storage that changes between a listing and the reads that follow."""

    def __init__(self, storage: Storage, after_listing: Callable[[list[str]], list[str]]) -> None:
        self._storage = storage
        self._after_listing = after_listing
        self.listings = self.reads = 0

    def names(self, folder: str) -> list[str]:
        found = self._storage.names(folder)
        if folder == FOLDER:
            return found
        self.listings += 1
        return self._after_listing(found)

    def read(self, name: str) -> bytes:
        self.reads += 1
        return self._storage.read(name)

    def write(self, name: str, data: bytes) -> None:
        self._storage.write(name, data)

    def create(self, name: str, data: bytes) -> bool:
        return self._storage.create(name, data)

    def remove(self, names: Sequence[str]) -> None:
        self._storage.remove(names)
