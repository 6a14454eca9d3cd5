"""The storages for the files of a study: a local folder, or any URL that fsspec supports.

A file is written once, atomically, and not changed afterwards. Only the files of a submission
(`spec.json`, `user_code.zip`) may be replaced, atomically.
"""

from airflow_sparktune.study.storage.base import Storage
from airflow_sparktune.study.storage.connections import (
    connection_of,
    use_connections,
    without_connection,
)
from airflow_sparktune.study.storage.local import LocalStorage, share
from airflow_sparktune.study.storage.memory import MemoryStorage
from airflow_sparktune.study.storage.object_store import FsspecStorage

__all__ = [
    "FsspecStorage", "LocalStorage", "MemoryStorage", "Storage", "connection_of", "open_storage", "share",
    "use_connections", "without_connection",
]  # fmt: skip


def open_storage(address: str) -> LocalStorage | FsspecStorage:
    """Return the storage for a study's address, which is a URL for fsspec or a path."""
    # fsspec does not write local files atomically: a reader could see half of one.
    path = address.removeprefix("file://")
    return FsspecStorage(path) if "://" in path else LocalStorage(path)
