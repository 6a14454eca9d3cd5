"""A study in a local folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from airflow_sparktune.study.storage.base import kind_of, readable


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
            _sync(path.parent)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
            raise kind_of(error)(
                f"the study folder must be writable, got {error.strerror or error} for {path}; "
                "choose another storage, or give this user the right to write there"
            ) from error

    def read(self, name: str) -> bytes:
        path = self._root / name
        with readable(path):
            try:
                return path.read_bytes()
            except (IsADirectoryError, NotADirectoryError) as error:
                raise FileNotFoundError(f"no file {path}") from error

    def names(self, folder: str) -> list[str]:
        path = self._root / folder
        with readable(path):
            try:
                found = [entry.name for entry in path.iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(name for name in found if not name.startswith(".tmp-"))

    def remove(self, names: Sequence[str]) -> None:
        for path in (self._root / name for name in names):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise kind_of(error)(f"cannot remove {path}: {error.strerror or error}") from error


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut, where the file system can."""
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
