"""The protocol of a storage, and the classification of its errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import StorageError, StorageUnavailable

# Larger files are not read. Segments are far smaller.
MOST_BYTES = 256 * 2**20

# Errors that remain until a person changes something.
_LASTING = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_LASTING_CODES = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


class Storage(Protocol):
    """The four operations that a journal needs; names are relative paths with `/`.

    Each may raise StorageError, or StorageUnavailable if a later retry can help.
    """

    def write(self, name: str, data: bytes) -> None:
        """Write the file durably and atomically: a reader sees all of it or nothing."""

    def read(self, name: str) -> bytes:
        """Return the content of the file; raises FileNotFoundError if it does not exist."""

    def names(self, folder: str) -> list[str]:
        """List the files and folders directly in a folder, sorted; empty if the folder does not exist."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove the files in as few requests as possible; a missing file is not an error."""


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Raise StorageError if a file cannot be read; FileNotFoundError passes through."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise kind_of(error)(
            f"the study folder must be readable, got {error.strerror or error} for {path}; "
            "give this user the right to read there"
        ) from error


def kind_of(error: OSError) -> type[StorageError]:
    """Return StorageError for a wrong setup, StorageUnavailable for a temporary failure."""
    return (
        StorageError if isinstance(error, _LASTING) or error.errno in _LASTING_CODES else StorageUnavailable
    )
