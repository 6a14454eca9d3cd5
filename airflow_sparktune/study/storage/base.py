"""The contract of a storage, and how its failures are told apart."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import StorageError, StorageUnavailable

# What no waiting mends.
_LASTING = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_LASTING_CODES = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


class Storage(Protocol):
    """The four verbs a journal needs; names are relative paths with `/`. Each may raise StorageError."""

    def write(self, name: str, data: bytes) -> None:
        """Put the whole file in place at once, durably: a reader sees all of it or nothing."""

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError where there is none."""

    def names(self, folder: str) -> list[str]:
        """The names of what lies directly in the folder, sorted; none where there is no folder."""

    def remove(self, names: Sequence[str]) -> None:
        """Take the files away, in as few requests as there can be; not an error where one is missing."""


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Whatever keeps a file from being read, other than its absence, in the house's words."""
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
    """Whether the storage is set up wrongly, or only out of reach for now."""
    return (
        StorageError if isinstance(error, _LASTING) or error.errno in _LASTING_CODES else StorageUnavailable
    )
