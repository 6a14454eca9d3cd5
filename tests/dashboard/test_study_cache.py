"""The server's state is bounded, and it reads each file once."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.synthetic import Writer


def study(path: Path, trials: int) -> str:
    writer = Writer(str(path))
    writer.open()
    writer.run(trials)
    return str(path)


def test_the_least_recently_used_study_is_dropped(tmp_path: Path) -> None:
    cache = StudyCache(studies=2)
    addresses = [study(tmp_path / name, 1) for name in "abc"]

    for address in (*addresses[:2], addresses[0], addresses[2]):
        with cache.look(address):
            pass

    assert len(cache) == 2
    with cache.look(addresses[0]) as kept:
        assert kept.study.trials


def test_trials_count_but_one_study_is_always_kept(tmp_path: Path) -> None:
    cache = StudyCache(trials=5)

    for name in "ab":
        with cache.look(study(tmp_path / name, 8)):
            pass

    assert len(cache) == 1


def test_an_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: Counter[str] = Counter()
    read = LocalStorage.read

    def counted(self: LocalStorage, name: str) -> bytes:
        reads[name] += 1
        return read(self, name)

    address = study(tmp_path / "a", 5)
    monkeypatch.setattr(LocalStorage, "read", counted)
    cache = StudyCache(pause_s=0)
    for _ in range(4):
        with cache.look(address):
            pass

    assert set(reads.values()) == {1}


def test_many_pages_share_one_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    cache = StudyCache(pause_s=1.0, clock=lambda: now[0])
    address = study(tmp_path / "a", 1)
    lists: list[str] = []
    names = LocalStorage.names
    monkeypatch.setattr(
        LocalStorage, "names", lambda self, folder: lists.append(folder) or names(self, folder)
    )

    for step in (0.0, 0.4, 0.4, 0.4):
        now[0] += step
        with cache.look(address):
            pass

    assert lists.count("attempts") == 2


def test_reading_a_long_study_is_split_over_requests(tmp_path: Path) -> None:
    ticks = itertools.count()
    cache = StudyCache(read_s=5.0, clock=lambda: float(next(ticks)))
    address = study(tmp_path / "a", 8)

    with cache.look(address, whole=False) as kept:
        assert kept.behind
        first = kept.study.changes
    with cache.look(address, whole=False) as kept:
        assert kept.study.changes > first
    with cache.look(address) as kept:
        assert not kept.behind
        assert len(kept.study.trials) == 8
