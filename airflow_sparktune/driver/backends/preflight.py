"""Check a real executor before the first trial, and say in one sentence what is wrong."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Protocol

from airflow_sparktune import __version__
from airflow_sparktune.driver.backends.base import Patience
from airflow_sparktune.driver.backends.threaded import WorkerLost
from airflow_sparktune.driver.reminder import FIRST_S, Reminder
from airflow_sparktune.errors import ObjectiveError, PlatformError

log = logging.getLogger(__name__)

_MISMATCH = re.compile(r"PYTHON_VERSION_MISMATCH|different version")
_NOT_FOUND = re.compile(r'Cannot run program "([^"]*)"')

# How often something else may be done meanwhile.
LOOK_S = 1.0


class Checkable(Protocol):
    """A backend that can ask a worker to describe itself."""

    def check(self) -> Future[dict[str, Any]]:
        """Ask a worker."""

    @property
    def check_waits(self) -> bool:
        """Tell whether no executor has taken the question yet."""


def preflight(slots: Checkable, patience: Patience, *, say_s: float = FIRST_S) -> None:
    """Wait for an executor, as long as `patience` allows, and look at a worker there.

    Raises PlatformError or ObjectiveError where trials could not run on it, and PlatformError where none
    has answered in time; but a study that has a result by then, or has used its time up before, is left to
    the tuner to end.
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
            f"an executor must answer the first job within the study's timeout ({patience.timeout:g} s), "
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
            f"{report['package']} on the executors ({report['path']}); remove the one that is installed there"
        )
    if report["error"]:
        raise ObjectiveError(report["error"])


def _answer(slots: Checkable, *, until: float, look: Callable[[], None], say_s: float) -> Mapping[str, Any]:
    """Return a worker's description; raises TimeoutError, which says what takes so long."""
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
            "no executor has taken the first job yet; free the cluster, or ask for smaller executors "
            "(spark.executor.memory, spark.executor.cores)"
        )
    return "the first job, which loads the objective, still runs; load less where the objective is imported"


def _report(ask: Callable[[], Mapping[str, Any]], here: str) -> Mapping[str, Any]:
    """Return a worker's description; ask a second worker if the first is lost."""
    try:
        return ask()
    except WorkerLost as error:
        if wrong := _wrong_interpreter(str(error), here):
            raise wrong from error
        log.warning("the first Python worker was lost, another one is tried: %s", error)
    try:
        return ask()
    except WorkerLost as error:
        wrong = _wrong_interpreter(str(error), here)
        raise wrong or PlatformError(f"a Python worker must start on an executor, but: {error}") from error


_WAY_OUT = "set spark.pyspark.python to an interpreter of that version there"


def _wrong_interpreter(said: str, here: str) -> PlatformError | None:
    if _MISMATCH.search(said):
        return PlatformError(
            f"driver and executors must run the same Python, got {here} on the driver and another on the "
            f"executors; {_WAY_OUT}. Spark said: {said}"
        )
    if missing := _NOT_FOUND.search(said):
        return PlatformError(
            f"executors must find the Python interpreter {missing[1]!r}, but it is not there; {_WAY_OUT}"
        )
    return None
