"""The contract of a storage, and how its failures are told apart."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import StorageError, StorageUnavailable

# The most that is read of one file; a writer of segments stays far below it.
MOST_BYTES = 256 * 2**20

# What goes on until a person changes something.
_LASTING = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_LASTING_CODES = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


class Storage(Protocol):
    """The four verbs that a journal needs; names are relative paths with `/`.

    Each may raise StorageError, or StorageUnavailable where trying again later can help.
    """

    def write(self, name: str, data: bytes) -> None:
        """Put the whole file in place at once, durably: a reader sees all of it or nothing of it."""

    def read(self, name: str) -> bytes:
        """Return the whole file; raises FileNotFoundError where there is none."""

    def names(self, folder: str) -> list[str]:
        """List the files and folders directly in a folder, sorted; empty where there is no folder."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove the files, in as few requests as possible; one that is missing is no error."""


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Raise as StorageError what keeps a file from being read, other than that it is missing."""
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
    """Tell a storage that is set up wrongly from one that is out of reach for now."""
    return (
        StorageError if isinstance(error, _LASTING) or error.errno in _LASTING_CODES else StorageUnavailable
    )
