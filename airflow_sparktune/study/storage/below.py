"""A folder of a storage as a storage: nothing in it is reached through a link below the other's root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_sparktune.study.storage.base import Storage


@dataclass(frozen=True, slots=True)
class Below:
    """The `folder` of a storage."""

    storage: Storage
    folder: str

    def write(self, name: str, data: bytes) -> None:
        self.storage.write(f"{self.folder}/{name}", data)

    def create(self, name: str, data: bytes) -> bool:
        return self.storage.create(f"{self.folder}/{name}", data)

    def read(self, name: str) -> bytes:
        return self.storage.read(f"{self.folder}/{name}")

    def names(self, folder: str) -> list[str]:
        return self.storage.names(f"{self.folder}/{folder}")

    def remove(self, names: Sequence[str]) -> None:
        self.storage.remove([f"{self.folder}/{name}" for name in names])
