"""The protocol of a storage, and the classification of its errors."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from airflow_sparktune.errors import StorageError, StorageUnavailable

log = logging.getLogger(__name__)

# Larger files are not read. Chunks of a journal are far smaller.
MOST_BYTES = 256 * 2**20

# Errors that remain until a person changes something.
_LASTING = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_LASTING_CODES = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


class Storage(Protocol):
    """The operations that a journal and a record need; names are relative paths with `/`.

    Each may raise StorageError, or StorageUnavailable if a later retry can help.
    """

    def write(self, name: str, data: bytes) -> None:
        """Write the file durably and atomically: a reader sees all of it or nothing."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a new file as `write` does; return False and change nothing if the name exists.

        If several callers create a file at once, one of them succeeds. After False, read the file to know
        whose it is: the answer to this caller's own write may have been lost. A storage that cannot create
        exclusively looks for the name, writes, reads back, and calls `warn_not_exclusive`.
        """

    def read(self, name: str) -> bytes:
        """Return the content of the file; raises FileNotFoundError if it does not exist."""

    def names(self, folder: str) -> list[str]:
        """List the files and folders directly in a folder, sorted; empty if the folder does not exist."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove the files in as few requests as possible; a missing file is not an error."""


@cache
def warn_not_exclusive(address: str) -> None:
    """Log, once for each address, that `create` cannot tell apart two callers at the same moment."""
    log.warning(
        "the storage at %s cannot create a file exclusively: of two decisions at the same moment, one may be "
        "missing from the record of champions; run one retuning of a task at a time (max_active_runs=1), or "
        "use a local folder or Amazon S3",
        address,
    )


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


@contextmanager
def writable(path: str | Path) -> Iterator[None]:
    """Raise StorageError, or StorageUnavailable, if a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise kind_of(error)(
            f"the study folder must be writable, got {error.strerror or error} for {path}; "
            "choose another storage, or give this user the right to write there"
        ) from error


@contextmanager
def removable(what: str | Path) -> Iterator[None]:
    """Raise StorageError, or StorageUnavailable, if files cannot be removed; a missing file is no error."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise kind_of(error)(f"cannot remove {what}: {error.strerror or error}") from error


def kind_of(error: OSError) -> type[StorageError]:
    """Return StorageError for a wrong setup, StorageUnavailable for a temporary failure."""
    return (
        StorageError if isinstance(error, _LASTING) or error.errno in _LASTING_CODES else StorageUnavailable
    )
