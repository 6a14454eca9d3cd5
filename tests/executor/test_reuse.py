"""Garbage collection in a reused worker skips the libraries."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count

import pytest

from airflow_sparktune.executor import reuse


@pytest.fixture
def fresh_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reuse, "_trials", count())
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("fresh_worker")
def test_rows_are_consumed() -> None:
    """PySpark ends a worker that leaves its input unread."""
    rows = iter([0, 1])
    reuse.keep_worker(rows)
    assert list(rows) == []


@pytest.mark.usefixtures("fresh_worker")
def test_objects_of_the_first_two_trials_are_frozen() -> None:
    """From the third trial on, nothing more is frozen, because frozen objects are never collected."""
    frozen, kept = [], []
    for _ in range(4):
        reuse.keep_worker(iter([]))
        frozen.append(gc.get_freeze_count())
        kept.append([[] for _ in range(1000)])
    assert frozen[0] > 0
    assert frozen[1] >= frozen[0] + 1000
    # A frozen object is still freed when its last reference is gone.
    assert max(frozen[2:]) < frozen[1] + 1000
