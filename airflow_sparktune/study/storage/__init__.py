"""The storages for the files of a study: a local folder, or any URL that fsspec supports.

A file is written once, atomically, and not changed afterwards. Only `spec.json` may be replaced, atomically.
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
    "FsspecStorage", "LocalStorage", "MemoryStorage", "Storage", "clear", "connection_of", "modified",
    "open_storage", "share", "use_connections", "without_connection",
]  # fmt: skip


def open_storage(address: str) -> Storage:
    """Return the storage for a study's address, which is a URL for fsspec or a path."""
    # fsspec does not write local files atomically: a reader could see half of one.
    path = address.removeprefix("file://")
    return FsspecStorage(path) if "://" in path else LocalStorage(path)


def clear(address: str, *, within: str) -> None:
    """Remove the folder or prefix at an address with its contents.

    Also remove its parent folders below `within` if they are empty then.
    """
    path = address.removeprefix("file://")
    if "://" in path:
        FsspecStorage(path).clear()
    else:
        LocalStorage(path).clear(within=within.removeprefix("file://"))


def modified(address: str, name: str) -> float | None:
    """Return when a file was written, in seconds since 1970 by the storage's clock; None if unknown."""
    path = address.removeprefix("file://")
    return (FsspecStorage(path) if "://" in path else LocalStorage(path)).modified(name)
