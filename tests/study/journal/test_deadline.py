"""A storage with deadlines leaves no threads behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.storage import MemoryStorage
from airflow_sparktune.study.storage.deadline import DeadlineStorage


def storage_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "storage"}


def eventually(condition: Callable[[], bool]) -> bool:
    until = monotonic() + 30
    while not condition() and monotonic() < until:
        sleep(0.01)
    return condition()


class HangingStorage(MemoryStorage):
    """Blocks each read until `released` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def read(self, name: str) -> bytes:
        self.released.wait(30)
        return super().read(name)


def test_a_thread_ends_with_its_call() -> None:
    before = storage_threads()
    storage = DeadlineStorage(MemoryStorage())
    storage.write("a", b"1")
    assert eventually(lambda: not storage_threads() - before)


def test_the_thread_of_a_hanging_call_ends_after_the_call() -> None:
    before, hanging = storage_threads(), HangingStorage()
    storage = DeadlineStorage(hanging, limit_s=0.05)
    hanging.write("a", b"1")
    with pytest.raises(StorageUnavailable, match="no answer"):
        storage.read("a")
    (hung,) = storage_threads() - before
    storage.write("b", b"2")  # in a new thread

    hanging.released.set()

    assert eventually(lambda: not hung.is_alive())
    assert storage.read("b") == b"2"
