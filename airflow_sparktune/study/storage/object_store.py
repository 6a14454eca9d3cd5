"""A study at a URL, through fsspec."""

from __future__ import annotations

import errno
import inspect
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.storage import connections
from airflow_sparktune.study.storage.base import (
    MOST_BYTES,
    kind_of,
    readable,
    removable,
    warn_not_exclusive,
    writable,
)

# Their PUT is atomic.
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
# Their rename replaces an existing file.
_REPLACING = frozenset({"sftp", "ssh"})
_TEMPORARY = ".tmp-"
# S3's error codes for a name that exists, or that another request creates at this moment.
_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
# S3's error codes for expired credentials.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})


class FsspecStorage:
    """A URL such as `s3://bucket/study` or `sftp://host/study`.

    On an object store, a write is one PUT and a read one GET. On storages that write files in place (sftp,
    hdfs), a file is written to a temporary name and renamed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._expired = False
        self._made: set[str] = set()
        self._files, self._root = _open(url)
        self._protocols = frozenset(_protocols(self._files))
        # Whether the server refuses to create a name that exists; None before the first `create`.
        self._exclusive = None if self._protocols & _WHOLE and _takes_mode(self._files) else False

    def write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        with writable(path), self._call():
            try:
                self._write(path, data)
            except FileNotFoundError:  # someone has removed a folder that this object has made
                self._made.clear()
                self._write(path, data)

    def create(self, name: str, data: bytes) -> bool:
        path = f"{self._root}/{name}"
        with writable(path), self._call():
            if self._exclusive is not False:
                if not self._put_new(path, data):
                    return False
                if self._exclusive is None:
                    # A server that ignores the condition writes the same bytes again.
                    self._exclusive = not self._put_new(path, data)
                if self._exclusive:
                    return True
            elif self._files.exists(path):
                return False
            else:
                self._write(path, data)
            warn_not_exclusive(self._url)
            return self._read(path) == data

    def read(self, name: str) -> bytes:
        path = f"{self._root}/{name}"
        with readable(path), self._call():
            data = self._read(path)
        if len(data) > MOST_BYTES:
            raise StorageError(
                f"a file of a study must have at most {MOST_BYTES} bytes, got more for {path}; "
                "remove it: no driver wrote it"
            )
        return data

    def names(self, folder: str) -> list[str]:
        path = f"{self._root}/{folder}".rstrip("/")
        with readable(path):
            try:
                with self._call():
                    found = self._files.ls(path, detail=False)
            except FileNotFoundError:
                return []
        names = (entry.rstrip("/").rsplit("/", 1)[-1] for entry in found)
        return sorted(name for name in names if not name.startswith(_TEMPORARY))

    def tree(self, folder: str) -> list[str]:
        """List the files in a folder and below it by their paths in it, on S3 a thousand per request."""
        path = f"{self._root}/{folder}".rstrip("/") + "/"
        with readable(path), self._call():
            found = [each.lstrip("/") for each in self._files.find(path)]
        start = len(path.lstrip("/"))
        return sorted(each[start:] for each in found if _TEMPORARY not in each)

    def remove(self, names: Sequence[str]) -> None:
        paths = [f"{self._root}/{name}" for name in names]
        with removable(f"{len(paths)} files ({', '.join(paths[:1])} ...)"), self._call():
            try:
                self._files.rm(paths)  # on S3, a thousand files per request
            except FileNotFoundError:  # some backends stop at the first missing file
                for path in paths:
                    with suppress(FileNotFoundError):
                        self._files.rm_file(path)

    def clear(self, *, within: str) -> None:  # noqa: ARG002 - an object store has no folders
        """Remove everything below the URL."""
        with removable(self._url), self._call():
            self._files.rm(self._root, recursive=True)

    def modified(self, name: str) -> float | None:
        """Return when a file was written, by the storage's clock; None if the backend does not tell."""
        try:
            with self._call():
                return float(self._files.modified(f"{self._root}/{name}").timestamp())
        except OSError:
            return None

    def _read(self, path: str) -> bytes:
        """Read a file in one request, and at most MOST_BYTES + 1 of it.

        Without a range, clients request the size first, and then read the whole file.
        """
        try:
            data: bytes = self._files.cat_file(path, start=0, end=MOST_BYTES + 1)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            data = self._files.cat_file(path)  # the range is invalid for an empty object
        return data

    def _put_new(self, path: str, data: bytes) -> bool:
        """Ask the server to create a file; return False if it refuses because the file exists."""
        try:
            self._files.pipe_file(path, data, mode="create")
        except OSError as error:
            if isinstance(error, FileExistsError) or _codes_of(error) & _EXISTS:
                return False
            raise
        return True

    def _write(self, path: str, data: bytes) -> None:
        from fsspec import AbstractFileSystem

        if self._protocols & _WHOLE or type(self._files).mv is AbstractFileSystem.mv:
            self._files.pipe_file(path, data)
        elif "ftp" in self._protocols:
            raise StorageError(
                f"a storage must write files atomically, which FTP does not guarantee: {self._url}; "
                "use sftp, an object store, or a folder that both sides mount"
            )
        else:
            self._write_beside(path, data)

    def _write_beside(self, path: str, data: bytes) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            self._files.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        temporary = f"{folder}/{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            self._files.pipe_file(temporary, data)
            if not self._protocols & _REPLACING:
                # A file that is replaced is missing for a moment; chunks are never replaced.
                with suppress(FileNotFoundError):
                    self._files.rm_file(path)
            self._files.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                self._files.rm_file(temporary)
            raise

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Raise OSError for a backend's error, StorageUnavailable if its credentials have expired."""
        if self._expired:
            # A client keeps its first credentials, so a new one is opened.
            self._files, self._root = _open(self._url, skip_instance_cache=True)
            self._expired = False
        try:
            with _as_os_errors():
                yield
        except OSError as error:
            if not _codes_of(error) & _EXPIRED:
                raise
            self._expired = True
            raise StorageUnavailable(
                f"the credentials for {self._url} must be valid, but have expired ({error}); renew them: "
                "the next try reads them again"
            ) from error


def _open(url: str, **options: Any) -> tuple[Any, str]:
    """Return the file system of a URL, and the URL's path in it."""
    try:
        import fsspec  # only URLs need it; a cluster image may lack it
    except ImportError:
        raise StorageError(
            f"a study at a URL needs fsspec, which this Python lacks: {url}; "
            "install fsspec into it, or use a path that all sides can reach"
        ) from None
    try:
        with _as_os_errors(known=(OSError, ImportError, ValueError, StorageError)):
            files, path = connections.opened(url), connections.without_connection(url)
            if files is not None:
                root = files._strip_protocol(path)
            else:
                files, root = fsspec.url_to_fs(path, use_listings_cache=False, **options)
    except (ImportError, ValueError) as error:  # a missing backend, an invalid URL
        raise StorageError(f"storage {url} cannot be opened: {error}") from error
    except OSError as error:  # some backends (sftp) connect here
        raise kind_of(error)(f"storage {url} cannot be opened: {error}") from error
    return files, root.rstrip("/")


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _takes_mode(files: Any) -> bool:
    """Return whether the client can ask the server to write new files only."""
    call = getattr(type(files), "_pipe_file", type(files).pipe_file)
    return "mode" in inspect.signature(call).parameters


def _codes_of(error: BaseException | None) -> frozenset[str]:
    """Return the error codes of the botocore errors in the chain."""
    codes = set()
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            codes.add(answer.get("Error", {}).get("Code"))
        error = error.__cause__
    return frozenset(codes)


@contextmanager
def _as_os_errors(*, known: tuple[type[Exception], ...] = (OSError, StorageError)) -> Iterator[None]:
    """Raise OSError for a backend's other exceptions (of botocore, aiohttp, Azure)."""
    try:
        yield
    except known:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
