"""Where the files of a study are kept: a local folder, or any URL that fsspec knows.

Files are written once, whole, and not changed afterwards (`spec.json` is replaced, whole).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import StorageError


class Storage(Protocol):
    """The four verbs a journal needs; names are relative paths with `/`."""

    def write(self, name: str, data: bytes) -> None:
        """Put the whole file in place at once, durably: a reader sees all of it or nothing."""

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError where there is none."""

    def names(self, folder: str) -> list[str]:
        """The names of what lies directly in the folder, sorted; none where there is no folder."""

    def remove(self, name: str) -> None:
        """Take the file away; not an error where there is none."""


def open_storage(address: str) -> Storage:
    """The storage of a study's address: a URL for fsspec, or a path."""
    return FsspecStorage(address) if "://" in address else LocalStorage(address)


class LocalStorage:
    """A folder on disk: temporary file, fsync, rename."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    def write(self, name: str, data: bytes) -> None:
        path = self._root / name
        temporary: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, created = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
            temporary = Path(created)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp's 0600 would keep the API server's user from reading the study.
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise StorageError(
                f"the study folder must be writable, got {error.strerror or error} for {path}; "
                "choose another storage, or give this user the right to write there"
            ) from error

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def names(self, folder: str) -> list[str]:
        try:
            found = [entry.name for entry in (self._root / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if not name.startswith(".tmp-"))

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)


class FsspecStorage:
    """A URL such as `s3://bucket/study` or `memory://study`: one PUT a file."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec  # only a URL needs it; a cluster image may lack it
        except ImportError:
            raise StorageError(
                f"a study at a URL needs fsspec, which this Python lacks: {url}; "
                "install fsspec there, or use a path that both sides can reach"
            ) from None
        try:
            self._files, root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StorageError(f"storage {url} cannot be opened: {error}") from error
        self._root = root.rstrip("/")

    def write(self, name: str, data: bytes) -> None:
        try:
            self._files.pipe_file(f"{self._root}/{name}", data)
        except OSError as error:
            raise StorageError(f"cannot write {name} under {self._root}: {error}") from error

    def read(self, name: str) -> bytes:
        data: bytes = self._files.cat_file(f"{self._root}/{name}")
        return data

    def names(self, folder: str) -> list[str]:
        path = f"{self._root}/{folder}".rstrip("/")
        try:
            found = self._files.ls(path, detail=False)
        except FileNotFoundError:
            return []
        return sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in found)

    def remove(self, name: str) -> None:
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return
