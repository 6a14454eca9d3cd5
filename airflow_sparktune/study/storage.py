"""Where the files of a study are kept: a local folder, or any URL that fsspec knows.

Files are written once, whole, and not changed afterwards (`spec.json` is replaced, whole).
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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


def open_storage(address: str) -> Storage:
    """The storage of a study's address: a URL for fsspec, or a path."""
    # fsspec writes a local file in place, where a reader could see half of it.
    path = address.removeprefix("file://")
    return FsspecStorage(path) if "://" in path else LocalStorage(path)


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
            raise _kind(error)(
                f"the study folder must be writable, got {error.strerror or error} for {path}; "
                "choose another storage, or give this user the right to write there"
            ) from error

    def read(self, name: str) -> bytes:
        path = self._root / name
        with _readable(path):
            try:
                return path.read_bytes()
            except (IsADirectoryError, NotADirectoryError) as error:
                raise FileNotFoundError(f"no file {path}") from error

    def names(self, folder: str) -> list[str]:
        path = self._root / folder
        with _readable(path):
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
                raise _kind(error)(f"cannot remove {path}: {error.strerror or error}") from error


class MemoryStorage:
    """Files, by name, that live as long as this object: a study that nobody asked to keep."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files or {})

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def read(self, name: str) -> bytes:
        try:
            return self.files[name]
        except KeyError:
            raise FileNotFoundError(f"no file {name} in memory") from None

    def names(self, folder: str) -> list[str]:
        below = f"{folder}/" if folder else ""
        return sorted({name[len(below) :].split("/")[0] for name in self.files if name.startswith(below)})

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self.files.pop(name, None)


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
            with _own_errors(known=(OSError, ImportError, ValueError)):
                self._files, root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:  # a backend that is missing, a URL that is none
            raise StorageError(f"storage {url} cannot be opened: {error}") from error
        except OSError as error:  # some backends connect already (ftp, sftp)
            raise _kind(error)(f"storage {url} cannot be opened: {error}") from error
        self._root = root.rstrip("/")

    def write(self, name: str, data: bytes) -> None:
        try:
            with _own_errors():
                self._files.pipe_file(f"{self._root}/{name}", data)
        except OSError as error:
            raise _kind(error)(
                f"the study folder must be writable, got {error} for {self._root}/{name}; "
                "choose another storage, or give this user the right to write there"
            ) from error

    def read(self, name: str) -> bytes:
        path = f"{self._root}/{name}"
        with _readable(path), _own_errors():
            data: bytes = self._files.cat_file(path)
            return data

    def names(self, folder: str) -> list[str]:
        path = f"{self._root}/{folder}".rstrip("/")
        with _readable(path):
            try:
                with _own_errors():
                    found = self._files.ls(path, detail=False)
            except FileNotFoundError:
                return []
        return sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in found)

    def remove(self, names: Sequence[str]) -> None:
        paths = [f"{self._root}/{name}" for name in names]
        try:
            with _own_errors():
                try:
                    self._files.rm(paths)  # S3 takes a thousand a request
                except FileNotFoundError:  # some backends end at the first that is missing
                    for path in paths:
                        with suppress(FileNotFoundError):
                            self._files.rm_file(path)
        except OSError as error:
            raise _kind(error)(f"cannot remove {len(paths)} files ({paths[0]} ...): {error}") from error


@contextmanager
def _own_errors(*, known: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """What a backend of fsspec raises of its own (botocore's errors, aiohttp's, Azure's), as an OSError."""
    try:
        yield
    except known:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Whatever keeps a file from being read, other than its absence, in the house's words."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _kind(error)(
            f"the study folder must be readable, got {error.strerror or error} for {path}; "
            "give this user the right to read there"
        ) from error


def _kind(error: OSError) -> type[StorageError]:
    """Whether the storage is set up wrongly, or only out of reach for now."""
    return (
        StorageError if isinstance(error, _LASTING) or error.errno in _LASTING_CODES else StorageUnavailable
    )


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut, where the file system can."""
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
