"""A retuning whose driver dies before or after any of its writes: the retry decides the same, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_sparktune.study.retuning import champions
from airflow_sparktune.study.retuning.champions import Action
from airflow_sparktune.study.storage import Storage, open_storage
from tests.driver.retuning import weeks as weeks_module
from tests.driver.retuning.weeks import Weeks, noisy


class Died(BaseException):
    """Stands for SIGKILL: nothing handles it."""


@dataclass
class Fate:
    """Dies at a write, before it or after it; counts all writes of the driver, wherever they go."""

    at: int | None = None
    after: bool = False
    writes: int = 0

    def write(self, storage: Storage, name: str, data: bytes) -> None:
        self.writes += 1
        dies = self.writes == self.at
        if dies and not self.after:
            raise Died
        storage.write(name, data)
        if dies:
            raise Died


class Mortal:
    """A storage whose driver may die while it writes."""

    def __init__(self, storage: Storage, fate: Fate) -> None:
        self._storage = storage
        self._fate = fate

    def write(self, name: str, data: bytes) -> None:
        self._fate.write(self._storage, name, data)

    def read(self, name: str) -> bytes:
        return self._storage.read(name)

    def names(self, folder: str) -> list[str]:
        return self._storage.names(folder)

    def remove(self, names: Sequence[str]) -> None:
        self._storage.remove(names)


def second_week(weeks: Weeks, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The week that replaces the champion, by a driver with that fate."""

    def mortal(address: str) -> Mortal:
        return Mortal(open_storage(address), fate)

    with monkeypatch.context() as patch:
        patch.setattr(weeks_module, "open_storage", mortal)
        patch.setattr(champions, "open_storage", mortal)
        weeks.run("w2", noisy(0.05), capacity=20, seed=4)


def test_a_driver_that_dies_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was cut off is done by the retry, and what was done is not done twice."""
    calm = Weeks.within(tmp_path / "calm")
    calm.run("w1", capacity=20)
    fate = Fate()
    second_week(calm, fate, monkeypatch)
    expected = calm.study("w2").decision
    assert expected is not None
    assert calm.actions() == [Action.FIRST, Action.REPLACED]
    for at in range(1, fate.writes + 1):
        for after in (False, True):
            weeks = Weeks.within(tmp_path / f"{at}-{after}")
            weeks.run("w1", capacity=20)
            with pytest.raises(Died):
                second_week(weeks, Fate(at, after=after), monkeypatch)
            second_week(weeks, Fate(), monkeypatch)
            study = weeks.study("w2")
            assert study.decision == expected, (at, after)
            assert weeks.actions() == [Action.FIRST, Action.REPLACED], (at, after)
            assert study.result_stands


def test_a_result_that_stands_is_not_decided_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that finds a decision runs nothing, also under other limits."""
    weeks = Weeks.within(tmp_path)
    weeks.run("w1")
    second_week(weeks, Fate(), monkeypatch)
    before = weeks.study("w2")
    again = weeks.run("w2", noisy(0.9), seed=4, max_evals=50)
    assert weeks.calls == []
    assert again.decision == before.decision
    assert len(weeks.record().history()) == 2
