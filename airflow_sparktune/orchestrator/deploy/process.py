"""Starts the driver as a process of this machine, and ends all of it with its task."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import psutil

# How long a driver gets to write that it was killed.
GRACE_S = 3.0

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return a preexec function for Popen, by which a child dies when its parent does.

    It follows the thread that forks: submit from the main one. None where the platform has no such thing.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here: after a fork there must be no surprises

    def set_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return set_death_signal


def family(spark_submit: int | None) -> list[psutil.Process]:
    """Return the process `spark_submit` and its descendants; none where it has ended."""
    if spark_submit is None:
        return []
    try:
        root = psutil.Process(spark_submit)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def end_driver(members: Sequence[psutil.Process], launcher: str) -> None:
    """Ask the driver among `members` to end, and wait a moment for it to write that."""
    drivers = []
    for process in members[1:]:  # the JVM's own command line names the launcher too
        with suppress(psutil.Error):
            if launcher in process.cmdline():
                process.terminate()
                drivers.append(process)
    psutil.wait_procs(drivers, timeout=GRACE_S)


def end_family(members: Iterable[psutil.Process]) -> None:
    """Kill every process of `members` that still runs."""
    for process in members:
        with suppress(psutil.Error):
            process.kill()


class Application(Protocol):
    """A submitted application, as far as whoever submitted it can reach it."""

    @property
    def pid(self) -> int | None:
        """The process id of spark-submit; None where there is none."""

    def end_in_cluster(self) -> None:
        """End what runs in the cluster, if its name is known."""


@contextmanager
def environment(added: Mapping[str, str]) -> Iterator[None]:
    """Add variables to this process's environment while spark-submit runs."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
