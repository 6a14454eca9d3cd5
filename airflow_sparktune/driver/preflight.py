"""What is looked at on a real executor before the first trial: one sentence for each thing that is wrong."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from airflow_sparktune import __version__
from airflow_sparktune.driver.job_slots import WorkerLost
from airflow_sparktune.errors import ObjectiveError, PlatformError

log = logging.getLogger(__name__)

_MISMATCH = re.compile(r"PYTHON_VERSION_MISMATCH|different version")
_NOT_FOUND = re.compile(r'Cannot run program "([^"]*)"')


class Checkable(Protocol):
    """Slots that can tell what a worker looks like."""

    def check(self) -> Mapping[str, Any]: ...


def preflight(slots: Checkable) -> None:
    """Raise PlatformError or ObjectiveError where trials could not run on an executor."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    report = _report(slots, here)
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


def _report(slots: Checkable, here: str) -> Mapping[str, Any]:
    """What a worker says; a second one is asked, since an executor may be lost at any moment."""
    try:
        return slots.check()
    except WorkerLost as error:
        if wrong := _wrong_interpreter(str(error), here):
            raise wrong from error
        log.warning("the first Python worker was lost, another one is tried: %s", error)
    try:
        return slots.check()
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
