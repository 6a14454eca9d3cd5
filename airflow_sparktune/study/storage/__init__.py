"""Where the files of a study are kept: a local folder, or any URL that fsspec knows.

Files are written once, whole, and not changed afterwards (`spec.json` is replaced, whole).
"""

from airflow_sparktune.study.storage.base import Storage
from airflow_sparktune.study.storage.connections import (
    connection_of,
    use_connections,
    with_connection_of,
    without_connection,
)
from airflow_sparktune.study.storage.local import LocalStorage, share
from airflow_sparktune.study.storage.memory import MemoryStorage
from airflow_sparktune.study.storage.object_store import FsspecStorage

__all__ = [
    "FsspecStorage", "LocalStorage", "MemoryStorage", "Storage", "clear", "connection_of", "open_storage",
    "share", "use_connections", "with_connection_of", "without_connection",
]  # fmt: skip


def open_storage(address: str) -> Storage:
    """The storage of a study's address: a URL for fsspec, or a path."""
    # fsspec writes a local file in place, where a reader could see half of it.
    path = address.removeprefix("file://")
    return FsspecStorage(path) if "://" in path else LocalStorage(path)


def clear(address: str, *, within: str) -> None:
    """Remove the folder or prefix at an address with all that it holds.

    Folders below `within` that are empty then go too.
    """
    path = address.removeprefix("file://")
    if "://" in path:
        FsspecStorage(path).clear()
    else:
        LocalStorage(path).clear(within=within.removeprefix("file://"))
