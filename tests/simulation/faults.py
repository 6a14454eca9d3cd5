"""Faults that this package once had: each takes one mend back, so that the simulation must find it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.study.record import retention
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action, Entry
from airflow_sparktune.study.record.retention import StoredStudy


@contextmanager
def kept_that_overwrites() -> Iterator[None]:
    """A study that keeps its incumbent makes it the champion again, whatever has happened meanwhile."""
    sets_champion, add = Action.sets_champion.fget, Champions.add

    def old_add(self: Champions, action: Action, *, basis: Any = None, **facts: Any) -> Entry:
        return add(self, action, basis=None if action is Action.KEPT else basis, **facts)

    kept = property(lambda action: action is Action.KEPT or sets_champion(action))
    with mock.patch.object(Action, "sets_champion", kept), mock.patch.object(Champions, "add", old_add):
        yield


class _Overwriting:
    """A storage whose `create` replaces what is there."""

    def __init__(self, storage: Any) -> None:
        self.names, self.read, self._write = storage.names, storage.read, storage.write

    def create(self, name: str, data: bytes) -> bool:
        self._write(name, data)
        return True


@contextmanager
def numbers_not_unique() -> Iterator[None]:
    """An entry takes the next number without asking whether another writer has just taken it."""
    begin = Champions.__init__

    def old_begin(self: Champions, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        self._storage = _Overwriting(self._storage)  # type: ignore[assignment]

    with mock.patch.object(Champions, "__init__", old_begin):
        yield


@contextmanager
def unfenced_zombie() -> Iterator[None]:
    """An attempt decides without looking whether a newer one has opened the study."""
    with mock.patch.object(Recorder, "require_newest"):
        yield


@contextmanager
def removal_of_what_may_go_on() -> Iterator[None]:
    """A study counts as ended once its driver has been silent for 90 s, or was killed."""
    look = retention._look

    def old_look(address: str) -> StoredStudy | None:
        found = look(address)
        return found and replace(found, verdict=True)

    with mock.patch.object(retention, "_look", old_look):
        yield


FAULTS = {
    fault.__name__: fault
    for fault in (kept_that_overwrites, numbers_not_unique, unfenced_zombie, removal_of_what_may_go_on)
}
