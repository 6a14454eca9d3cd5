"""Creating a file exclusively: one of several writers gets the name, on each kind of storage."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.storage import FsspecStorage, LocalStorage, Storage, base, open_storage

WARNING = "cannot create a file exclusively"


@pytest.fixture(autouse=True)
def fresh_warnings() -> None:
    """Let each test see the warning, which is logged once for each address."""
    base.warn_not_exclusive.cache_clear()


def race(opened: Callable[[], Storage], *, writers: int = 8) -> list[int]:
    """Let several writers create the same name at the same time; return those that did."""
    barrier = threading.Barrier(writers)

    def create(writer: int) -> bool:
        storage = opened()
        barrier.wait()
        return storage.create("record/1", b"%d" % writer * 1000)

    with ThreadPoolExecutor(writers) as pool:
        return [writer for writer, created in enumerate(pool.map(create, range(writers))) if created]


def create_three(storage: Storage) -> list[bool]:
    return [storage.create(name, data) for name, data in (("a", b"1"), ("a", b"2"), ("b", b"3"))]


def test_one_of_eight_writers_creates_a_local_file(tmp_path: Path) -> None:
    for attempt in range(10):
        (winner,) = race(lambda attempt=attempt: LocalStorage(tmp_path / str(attempt)))
        assert LocalStorage(tmp_path / str(attempt)).read("record/1") == b"%d" % winner * 1000


def test_a_reader_never_sees_half_a_created_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name appears with all its content: a writer that dies before leaves no name."""

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", die)
    with pytest.raises(KeyboardInterrupt):
        LocalStorage(tmp_path).create("record/1", b"data")
    assert LocalStorage(tmp_path).names("record") == []


def test_a_local_file_system_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It looks, writes and reads back, and says once that this is not exclusive."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    storage = LocalStorage(tmp_path)
    assert create_three(storage) == [True, False, True]
    assert (storage.read("a"), storage.names("")) == (b"1", ["a", "b"])
    assert caplog.text.count(WARNING) == 1


class Objects(fsspec.AbstractFileSystem):
    """An object store in memory. Without `obeys`, it ignores conditions, as old servers do."""

    protocol: ClassVar[str] = "s3"
    cachable = False

    def __init__(self, *, obeys: bool = True) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.obeys = obeys

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        if self.obeys and mode == "create" and path in self.files:
            raise FileExistsError(path)
        self.files[path] = value

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return self.files[path][start:end]

    def exists(self, path: str, **_: Any) -> bool:
        return path in self.files


def open_at(monkeypatch: pytest.MonkeyPatch, files: Any) -> FsspecStorage:
    monkeypatch.setattr(fsspec, "url_to_fs", lambda url, **_: (files, "bucket/churn"))
    storage = open_storage("s3://bucket/churn")
    assert isinstance(storage, FsspecStorage)
    return storage


def test_a_server_that_obeys_is_trusted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_at(monkeypatch, Objects())
    assert create_three(storage) == [True, False, True]
    assert storage.read("a") == b"1"
    assert WARNING not in caplog.text


def test_a_server_that_ignores_the_condition_is_found_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From then on, the storage looks before it writes, and says once that this is not exclusive."""
    storage = open_at(monkeypatch, Objects(obeys=False))
    assert create_three(storage) == [True, False, True]
    assert (storage.read("a"), storage.read("b")) == (b"1", b"3")
    assert caplog.text.count(WARNING) == 1


def test_another_writer_that_was_last_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without exclusive creation, the writer whose file was replaced learns it from reading back."""

    class Racing(Objects):
        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            self.files[path] = b"other"
            return super().cat_file(path, start, end)

    assert not open_at(monkeypatch, Racing(obeys=False)).create("a", b"mine")


def test_an_error_of_the_server_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Down(Objects):
        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
            raise OSError(errno.EIO, "503 SlowDown")

    with pytest.raises(StorageUnavailable, match="503 SlowDown"):
        open_at(monkeypatch, Down()).create("a", b"1")
