from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_sparktune.study.storage import FsspecStorage, LocalStorage, MemoryStorage, Storage
from airflow_sparktune.study.storage.deadline import DeadlineStorage
from tests.study.journal_suite.suite import JournalSuite


class TestOnDisk(JournalSuite):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return LocalStorage(tmp_path / "study")


class TestInMemory(JournalSuite):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


class TestWithDeadline(JournalSuite):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return DeadlineStorage(LocalStorage(tmp_path / "study"))


class TestAtUrl(JournalSuite):
    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        import fsspec

        url = f"memory://{uuid.uuid4().hex}/study"
        yield FsspecStorage(url)
        files = fsspec.filesystem("memory")
        if files.exists(url):
            files.rm(url, recursive=True)
