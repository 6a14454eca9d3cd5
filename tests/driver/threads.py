"""An engine whose trials run in threads of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from airflow_sparktune.driver.engines.base import Patience, Work
from airflow_sparktune.driver.engines.shares import SharingEngine
from airflow_sparktune.driver.engines.threaded import ThreadedLane
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply


def no_task() -> Any:
    raise NotImplementedError


class ThreadEngine(SharingEngine):
    """Runs `run` for each trial."""

    def __init__(self, run: Callable[[Call], Reply], *, slots: int = 2) -> None:
        super().__init__()
        self.run = run
        self._slots = slots

    def start(self) -> None:
        pass

    @property
    def slots(self) -> int:
        return self._slots

    def describe(self) -> dict[str, str | None]:
        return {}

    def lane(self, work: Work = Work(objective=no_task)) -> ThreadLane:  # noqa: B008
        return self.admit(ThreadLane(self, work))


class ThreadLane(ThreadedLane):
    """Cancels no trial: `ended` tells that one should end. `calls` are the trials that have started."""

    def __init__(self, engine: ThreadEngine, work: Work) -> None:
        super().__init__(engine, work)
        self.calls: list[Call] = []
        self.ended = threading.Event()
        self._do = engine.run

    def prepare(self, patience: Patience) -> None:
        pass

    def _run(self, call: Call) -> Reply:
        self.calls.append(call)
        return self._do(call)

    def _cancel(self, number: int) -> None:
        self.ended.set()
