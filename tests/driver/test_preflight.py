from __future__ import annotations

import sys
from typing import Any

import pytest

from airflow_sparktune import __version__
from airflow_sparktune.driver.job_slots import WorkerLost
from airflow_sparktune.driver.preflight import preflight
from airflow_sparktune.errors import ObjectiveError, PlatformError

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
GOOD = {"python": HERE, "executable": "/usr/bin/python3", "package": __version__, "path": "p", "error": None}


class Worker:
    """A worker that says of itself what a test gives it, or cannot start."""

    def __init__(self, said: Any) -> None:
        self._said = said

    def check(self) -> Any:
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


def test_a_worker_like_the_driver_passes() -> None:
    preflight(Worker(GOOD))


def test_an_executor_that_is_lost_meanwhile_is_no_verdict() -> None:
    class LostOnce(Worker):
        def check(self) -> Any:
            said, self._said = self._said, GOOD
            if isinstance(said, Exception):
                raise said
            return said

    preflight(LostOnce(WorkerLost("Executor heartbeat timed out")))


@pytest.mark.parametrize(
    ("said", "error", "told"),
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
def test_one_sentence_for_each_thing_that_is_wrong(said: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told) as raised:
        preflight(Worker(said))
    assert not raised.value.retryable  # type: ignore[attr-defined]
