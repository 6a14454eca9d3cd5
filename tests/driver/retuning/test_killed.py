"""If the driver of a retuning dies before or after any write, the retry makes the same decision, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from airflow_sparktune.study.record import champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.storage import Storage, open_storage
from tests.driver.retuning import weeks as weeks_module
from tests.driver.retuning.weeks import Weeks, noisy

T = TypeVar("T")


class Crashed(BaseException):
    """Simulates SIGKILL: no code handles it."""


@dataclass
class Crash:
    """Raises before or after one write, and counts the writes of the driver to all storages."""

    at: int | None = None
    after: bool = False
    writes: int = 0

    def call(self, write: Callable[[], T]) -> T:
        self.writes += 1
        dies = self.writes == self.at
        if dies and not self.after:
            raise Crashed
        result = write()
        if dies:
            raise Crashed
        return result


class CrashingStorage:
    """A storage whose driver may die at a write."""

    def __init__(self, storage: Storage, crash: Crash) -> None:
        self._storage = storage
        self._crash = crash

    def write(self, name: str, data: bytes) -> None:
        self._crash.call(lambda: self._storage.write(name, data))

    def create(self, name: str, data: bytes) -> bool:
        return self._crash.call(lambda: self._storage.create(name, data))

    def read(self, name: str) -> bytes:
        return self._storage.read(name)

    def names(self, folder: str) -> list[str]:
        return self._storage.names(folder)

    def remove(self, names: Sequence[str]) -> None:
        self._storage.remove(names)


def second_week(weeks: Weeks, crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the week that replaces the champion, with a driver that may die."""

    def crashing(address: str) -> CrashingStorage:
        return CrashingStorage(open_storage(address), crash)

    with monkeypatch.context() as patch:
        patch.setattr(weeks_module, "open_storage", crashing)
        patch.setattr(champions, "open_storage", crashing)
        weeks.run("w2", noisy(0.05), capacity=20, seed=4)


def test_a_driver_killed_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry does what is missing, and repeats nothing."""
    undisturbed = Weeks.within(tmp_path / "undisturbed")
    undisturbed.run("w1", capacity=20)
    crash = Crash()
    second_week(undisturbed, crash, monkeypatch)
    expected = undisturbed.study("w2").decision
    assert expected is not None
    assert undisturbed.actions() == [Action.FIRST, Action.REPLACED]
    for at in range(1, crash.writes + 1):
        for after in (False, True):
            weeks = Weeks.within(tmp_path / f"{at}-{after}")
            weeks.run("w1", capacity=20)
            with pytest.raises(Crashed):
                second_week(weeks, Crash(at, after=after), monkeypatch)
            second_week(weeks, Crash(), monkeypatch)
            study = weeks.study("w2")
            assert study.decision == expected, (at, after)
            assert weeks.actions() == [Action.FIRST, Action.REPLACED], (at, after)
            assert study.result_stands


def test_an_existing_decision_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that finds a decision runs no trial, also with a limit that would have ended sooner."""
    weeks = Weeks.within(tmp_path)
    weeks.run("w1")
    second_week(weeks, Crash(), monkeypatch)
    before = weeks.study("w2")
    again = weeks.run("w2", noisy(0.9), seed=4, max_evals=8)
    assert weeks.calls == []
    assert again.decision == before.decision
    assert len(weeks.record().history()) == 2
