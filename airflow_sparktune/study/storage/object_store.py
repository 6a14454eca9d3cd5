"""A study at a URL, by fsspec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.storage.base import kind_of, readable


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
            raise kind_of(error)(f"storage {url} cannot be opened: {error}") from error
        self._root = root.rstrip("/")

    def write(self, name: str, data: bytes) -> None:
        try:
            with _own_errors():
                self._files.pipe_file(f"{self._root}/{name}", data)
        except OSError as error:
            raise kind_of(error)(
                f"the study folder must be writable, got {error} for {self._root}/{name}; "
                "choose another storage, or give this user the right to write there"
            ) from error

    def read(self, name: str) -> bytes:
        path = f"{self._root}/{name}"
        with readable(path), _own_errors():
            data: bytes = self._files.cat_file(path)
            return data

    def names(self, folder: str) -> list[str]:
        path = f"{self._root}/{folder}".rstrip("/")
        with readable(path):
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
            raise kind_of(error)(f"cannot remove {len(paths)} files ({paths[0]} ...): {error}") from error


@contextmanager
def _own_errors(*, known: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """Raise a backend's own errors (botocore's, aiohttp's, Azure's) as OSError."""
    try:
        yield
    except known:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
