"""A signal may interrupt a driver's writer at any instruction, and the last event is still written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from airflow_sparktune.study.journal import writer as module
from airflow_sparktune.study.journal.problems import Problems
from airflow_sparktune.study.journal.reader import StreamReader
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.storage import MemoryStorage
from tests.study.journal_samples import closed, opened, trial, write


class Killed(BaseException):
    """The exception that a signal handler raises."""


def interrupted(function: Callable[[], None], *, at: int) -> bool:
    """Call a function, and interrupt it before its instruction number `at`, if it has that many."""
    here = sys.gettrace()
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count == at:
                raise Killed
        return trace

    sys.settrace(trace)
    try:
        function()
    except Killed:
        return True
    finally:
        sys.settrace(here)
    return False


def worlds(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MemoryStorage, StreamWriter]]:
    """Return a writer that is about to commit, and one that is about to gather its chunks."""
    monkeypatch.setattr(module, "GATHER", 3)
    while True:
        storage = MemoryStorage()
        writer = write(storage, 1, [opened()], [trial(0)])
        for event in (trial(0, 0.5), trial(1)):
            writer.append(event)
        yield storage, writer


@pytest.mark.parametrize("step", ["commit", "roll"])
def test_a_signal_at_any_instruction_loses_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    for at, (storage, writer) in enumerate(worlds(monkeypatch), start=1):
        if step == "roll":
            writer.commit()
        struck = interrupted(getattr(writer, step), at=at)
        writer.append(closed("killed"))
        writer.commit()
        writer.roll()
        problems = Problems()
        found = StreamReader(storage, writer.stream, problems=problems).poll()
        assert list(found) == [opened(), trial(0), trial(0, 0.5), trial(1), closed("killed")], (
            f"interrupted at instruction {at}"
        )
        assert list(problems) == []
        if not struck:
            assert at > 20
            return
