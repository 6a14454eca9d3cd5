"""Count the requests to a storage. On an object store, each costs tens of milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_sparktune.study.storage import Storage


class CountingStorage:
    """A storage that counts its `requests`, and the `writes` among them."""

    def __init__(self, storage: Storage) -> None:
        self.requests = self.writes = 0
        self._storage = storage

    def write(self, name: str, data: bytes) -> None:
        self.requests += 1
        self.writes += 1
        self._storage.write(name, data)

    def read(self, name: str) -> bytes:
        self.requests += 1
        return self._storage.read(name)

    def names(self, folder: str) -> list[str]:
        self.requests += 1
        return self._storage.names(folder)

    def remove(self, names: Sequence[str]) -> None:
        self.requests += 1
        self._storage.remove(names)
