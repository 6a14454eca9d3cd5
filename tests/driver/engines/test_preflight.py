from __future__ import annotations

import logging
import sys
from concurrent.futures import Future
from typing import Any

import pytest

from airflow_sparktune.driver.engines.base import Patience
from airflow_sparktune.driver.engines.preflight import preflight
from airflow_sparktune.driver.engines.threaded import WorkerLost
from airflow_sparktune.errors import ObjectiveError, PlatformError
from airflow_sparktune.version import __version__

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
GOOD = {"python": HERE, "executable": "/usr/bin/python3", "package": __version__, "path": "p", "error": None}


class Worker:
    """A worker whose check returns a given description, or fails."""

    def __init__(self, said: Any) -> None:
        self._said = said

    def check(self) -> Future[Any]:
        check: Future[Any] = Future()
        if isinstance(self._said, Exception):
            check.set_exception(self._said)
        else:
            check.set_result(self._said)
        return check

    check_waits = True


class Silent(Worker):
    """A worker that answers only after a number of calls of `check_waits`."""

    def __init__(self, *, waits: bool = True, asked: float = float("inf")) -> None:
        self.checks: list[Future[Any]] = []
        self._waits = waits
        self._asked = asked

    def check(self) -> Future[Any]:
        self.checks.append(Future())
        return self.checks[-1]

    @property
    def check_waits(self) -> bool:  # type: ignore[override]
        self._asked -= 1
        if self._asked == 0:
            self.checks[-1].set_result(GOOD)
        return self._waits


def test_a_worker_like_the_driver_passes() -> None:
    preflight(Worker(GOOD), Patience())


def test_a_lost_executor_does_not_fail_the_check() -> None:
    class LostOnce(Worker):
        def check(self) -> Future[Any]:
            check = super().check()
            self._said = GOOD
            return check

    preflight(LostOnce(WorkerLost("Executor heartbeat timed out")), Patience())


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (
            GOOD | {"python": "3.9"},
            PlatformError,
            f"the same Python, got {HERE} on the driver and 3.9 on the executors .*spark.pyspark.python",
        ),
        (GOOD | {"package": "0.0.1"}, PlatformError, "same airflow-sparktune, .* and 0.0.1 on the executors"),
        (GOOD | {"error": "no such objective"}, ObjectiveError, "no such objective"),
        (WorkerLost("[PYTHON_VERSION_MISMATCH] Python in worker"), PlatformError, "must run the same Python"),
        (WorkerLost('Cannot run program "python3.99": error=2'), PlatformError, "interpreter 'python3.99'"),
        (WorkerLost("exited"), PlatformError, "a Python worker must start on an executor, but: exited"),
    ],
)
def test_each_problem_has_its_own_error(said: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        preflight(Worker(said), Patience())
    assert not raised.value.retryable  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("waits", "message"),
    [
        (True, "no executor has started the first job yet; free the cluster"),
        (False, "the first job, which imports the objective, is still running; do less"),
    ],
)
class TestWaiting:
    def test_a_long_wait_is_logged_repeatedly(
        self, caplog: pytest.LogCaptureFixture, waits: bool, message: str
    ) -> None:
        preflight(Silent(waits=waits, asked=3), Patience(), say_s=0.001)
        assert [record.message.count(message) for record in caplog.records] == [1, 1, 1]
        assert {record.levelno for record in caplog.records} == {logging.WARNING}

    def test_the_timeout_of_the_study_ends_the_wait(self, waits: bool, message: str) -> None:
        with pytest.raises(
            PlatformError, match=rf"timeout \(600 s\), but {message}.*; or raise timeout"
        ) as raised:
            preflight(Silent(waits=waits), Patience(timeout=600.0, left_s=0.001))
        assert not raised.value.retryable

    def test_a_study_with_a_result_ends_without_an_error(self, waits: bool, message: str) -> None:
        preflight(Silent(waits=waits), Patience(timeout=600.0, left_s=0.001, has_result=True))


def test_a_study_without_remaining_time_does_not_check_workers() -> None:
    worker = Silent()
    preflight(worker, Patience(timeout=600.0, left_s=0.0))
    assert worker.checks == []
