"""Check an executor before the first trial, and report a problem in one sentence."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Protocol

from airflow_sparktune.driver.engines.base import Patience
from airflow_sparktune.driver.engines.once import LOOK_S
from airflow_sparktune.driver.engines.threaded import WorkerLost
from airflow_sparktune.driver.reminder import FIRST_S, Reminder
from airflow_sparktune.errors import ObjectiveError, PlatformError
from airflow_sparktune.version import __version__

log = logging.getLogger(__name__)

_MISMATCH = re.compile(r"PYTHON_VERSION_MISMATCH|different version")
_NOT_FOUND = re.compile(r'Cannot run program "([^"]*)"')


class Checkable(Protocol):
    """A lane that can ask a worker to describe itself."""

    def check(self) -> Future[dict[str, Any]]:
        """Ask a worker to describe itself."""

    @property
    def check_waits(self) -> bool:
        """Return whether no executor has started the check yet."""


def preflight(slots: Checkable, patience: Patience, *, say_s: float = FIRST_S) -> None:
    """Wait for an executor as long as `patience` allows, and check a worker on it.

    Raises PlatformError or ObjectiveError if trials cannot run there, PlatformError if no executor responds
    in time. If the study has a result by then, or had no time left at the start, it returns and lets the
    tuner end the study.
    """
    if patience.left_s <= 0:
        return
    until = time.monotonic() + patience.left_s
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        report = _report(lambda: _answer(slots, until=until, look=patience.look, say_s=say_s), here)
    except TimeoutError as error:
        if patience.has_result:
            log.warning("the study's timeout (%g s) has passed, and %s", patience.timeout, error)
            return
        raise PlatformError(
            f"an executor must finish the first job within the study's timeout ({patience.timeout:g} s), "
            f"but {error}; or raise timeout"
        ) from None
    if report["python"] != here:
        raise PlatformError(
            f"driver and executors must run the same Python, got {here} on the driver and "
            f"{report['python']} on the executors ({report['executable']}); {_WAY_OUT}"
        )
    if report["package"] != __version__:
        raise PlatformError(
            f"driver and executors must run the same airflow-sparktune, got {__version__} on the driver and "
            f"{report['package']} on the executors ({report['path']}); uninstall the one on the executors"
        )
    if report["error"]:
        raise ObjectiveError(report["error"])


def _answer(slots: Checkable, *, until: float, look: Callable[[], None], say_s: float) -> Mapping[str, Any]:
    """Return a worker's description; raises TimeoutError with the reason of the wait."""
    check, reminder = slots.check(), Reminder(first_s=say_s)
    while not check.done():
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(_what_it_waits_for(slots))
        if (waited_s := reminder.due()) is not None:
            log.warning("the study has waited for %.0f s: %s", waited_s, _what_it_waits_for(slots))
        look()
        wait([check], timeout=min(left_s, say_s, LOOK_S))
    return check.result()


def _what_it_waits_for(slots: Checkable) -> str:
    if slots.check_waits:
        return (
            "no executor has started the first job yet; free the cluster, or ask for smaller executors "
            "(spark.executor.memory, spark.executor.cores)"
        )
    return "the first job, which imports the objective, is still running; do less when it is imported"


def _report(ask: Callable[[], Mapping[str, Any]], here: str) -> Mapping[str, Any]:
    """Return a worker's description; ask a second worker if the first one is lost."""
    try:
        return ask()
    except WorkerLost as error:
        if wrong := _wrong_interpreter(str(error), here):
            raise wrong from error
        log.warning("the first Python worker was lost; trying another one: %s", error)
    try:
        return ask()
    except WorkerLost as error:
        wrong = _wrong_interpreter(str(error), here)
        raise wrong or PlatformError(f"a Python worker must start on an executor, but: {error}") from error


_WAY_OUT = "set spark.pyspark.python to an interpreter of that version there"


def _wrong_interpreter(message: str, here: str) -> PlatformError | None:
    if _MISMATCH.search(message):
        return PlatformError(
            f"driver and executors must run the same Python, got {here} on the driver and another on the "
            f"executors; {_WAY_OUT}. Spark said: {message}"
        )
    if missing := _NOT_FOUND.search(message):
        return PlatformError(
            f"executors must find the Python interpreter {missing[1]!r}, but it is not there; {_WAY_OUT}"
        )
    return None
