"""An object store may list an object before it can be read: a driver waits for it, and loses nothing."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.journal.streams import FOLDER
from airflow_sparktune.study.storage import MemoryStorage
from tests.study.journal_samples import chunk, follow, losses, opened, trial, write

STREAM = "0002-0a0b0c0d"


class Late(MemoryStorage):
    """Lists a file that cannot be read before `until_s`."""

    def __init__(self, late: str, *, until_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self._late = late
        self._until_s = until_s

    def read(self, name: str) -> bytes:
        if name == self._late and self.now < self._until_s:
            raise FileNotFoundError(name)
        return super().read(name)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("late", [1, 2, 3], ids=["its opening", "a trial", "its newest trial"])
def test_a_driver_waits_for_listed_files(late: int) -> None:
    storage = Late(chunk(STREAM, late), until_s=3.0)
    write(storage, 1, [opened()], stream="0001-0a0b0c0d")
    write(storage, 2, [opened(2)], [trial(0, 0.5)], [trial(1, 0.25)], stream=STREAM)
    assert follow(storage).incomplete
    found = read_whole(storage, sleep=storage.sleep)
    assert losses(found.study) == {0: 0.5, 1: 0.25}
    assert found.problems == []
    assert found.prefix[-1].stream == STREAM


def test_the_wait_for_a_missing_file_is_short() -> None:
    """A link or a FIFO with the name of a chunk stays listed forever."""
    storage = Late(chunk(STREAM, 2), until_s=1e9)
    write(storage, 2, [opened(2)], [trial(0, 0.5)], [trial(1, 0.25)], stream=STREAM)
    found = read_whole(storage, sleep=storage.sleep)
    assert losses(found.study) == {1: 0.25}
    assert len(found.problems) == 1
    assert storage.now < 10


def test_a_whole_journal_is_read_once() -> None:
    storage = Late("none", until_s=0.0)
    write(storage, 1, [opened()], [trial(0, 0.5)])
    storage.write(f"{FOLDER}/README", b"a foreign file is no reason to wait")
    read_whole(storage, sleep=storage.sleep)
    assert storage.now == 0.0
