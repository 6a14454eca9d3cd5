"""Start the driver as a process on this machine, and end its whole process family with the task."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import psutil

from airflow_sparktune.errors import DriverLost

# How long a driver may take to record that it was killed.
GRACE_S = 3.0

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return a preexec function for Popen that kills the child when its parent dies; None if unsupported.

    The child is bound to the thread that forks, so fork from the main thread.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork, because little is safe after it

    def set_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return set_death_signal


def family(spark_submit: int | None) -> list[psutil.Process]:
    """Return the process `spark_submit` and its descendants, or an empty list if it has ended."""
    if spark_submit is None:
        return []
    try:
        root = psutil.Process(spark_submit)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def end_driver(members: Sequence[psutil.Process], launcher: str) -> None:
    """Send SIGTERM to the driver among `members`, and wait for it to record that."""
    drivers = []
    for process in members[1:]:  # the JVM's own command line names the launcher too
        with suppress(psutil.Error):
            if launcher in process.cmdline():
                process.terminate()
                drivers.append(process)
    psutil.wait_procs(drivers, timeout=GRACE_S)


def end_family(members: Iterable[psutil.Process]) -> None:
    """Kill every process of `members` that is still running."""
    for process in members:
        with suppress(psutil.Error):
            process.kill()


def killed_before_start() -> DriverLost:
    """Return the error of a task that was killed before its driver started."""
    return DriverLost("the task must live until its driver starts, but it was killed before that")
