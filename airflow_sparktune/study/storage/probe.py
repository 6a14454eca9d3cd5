"""Try out the storage of studies, from this process or from an executor."""

from __future__ import annotations

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.storage import open_storage

SEEN = "written-here"


def write_and_read(address: str, name: str) -> None:
    """Write, read, list and remove a file; raises StorageError."""
    storage, data = open_storage(address), name.encode()
    storage.write(name, data)
    if storage.read(name) != data or name not in storage.names(""):
        raise StorageError(f"the storage must show what was just written, but {address}/{name} is not there")
    storage.remove([name])


def problem_elsewhere(address: str) -> str | None:
    """Return why another process cannot use the storage in which `SEEN` was written; None if it can."""
    try:
        open_storage(address).read(SEEN)
        write_and_read(address, "written-elsewhere")
    except FileNotFoundError:
        return f"{address} is another folder there"
    except Exception as error:  # noqa: BLE001 - a file system of fsspec may raise anything
        return f"{type(error).__name__}: {error}"
    return None
