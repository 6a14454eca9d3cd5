"""Client mode: the driver follows its JVM, and the JVM's parent (the Airflow task). None outlives another."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from airflow_sparktune.executor.children import guard_driver

log = logging.getLogger(__name__)

PERIOD_S = 0.25
# Somebody who is killed has no exit code to give; this one is a SIGKILL's.
EXIT_CODE = 137

_PR_SET_CHILD_SUBREAPER = 36


class Watchdog:
    """Ends this process, the JVM and all they started as soon as the JVM or its parent is gone.

    `work_folder` is what nobody else is left to remove once the task is gone; without one (cluster mode)
    nobody is followed.
    """

    def __init__(self, work_folder: Path | None) -> None:
        self._work_folder = work_folder
        self._jvm = os.getppid()
        self._task = _parent(self._jvm) if work_folder is not None else None
        self._ending = threading.Lock()

    def start(self) -> None:
        """Follow them, in a thread; a guard follows this process."""
        if self._work_folder is not None:
            guard_driver()
            _adopt_orphans()
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def end(self, code: int) -> NoReturn:
        """End this process. The first thread that gets here does it; any other one waits until it is over."""
        with self._ending:
            try:
                self._end_family()
            finally:
                # A thread that still waits for a cancelled trial must not keep the process.
                os._exit(code)

    def _watch(self) -> None:
        try:
            while os.getppid() == self._jvm and (self._task is None or _parent(self._jvm) == self._task):
                time.sleep(PERIOD_S)
            log.error("the process that started this driver is gone; ending everything")
        finally:
            self.end(EXIT_CODE)

    def _end_family(self) -> None:
        own = _descendants(os.getpid())
        if self._work_folder is None:
            # Where spark-submit has not started this process, the JVM itself is a child.
            _kill(own if "PYSPARK_GATEWAY_PORT" in os.environ else ())
            return
        orphan = os.getppid() != self._jvm
        task_is_gone = not _is_alive(self._task) if orphan else _parent(self._jvm) != self._task
        if task_is_gone and not orphan:
            own |= {self._jvm, *_descendants(self._jvm)}
        elif not orphan:
            _end_workers(self._jvm)
        _kill(own)
        if task_is_gone:
            _remove(self._work_folder)


def _adopt_orphans() -> None:
    """Become the parent of what a trial's child has started and left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _remove(folder: Path, *, within_s: float = 2.0) -> None:
    """Remove it whole, also where somebody who has just been killed was about to write there."""
    until = time.monotonic() + within_s
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        # It has ended by itself, or runs as somebody else: the others must end all the same.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _end_workers(jvm: int, *, within_s: float = 1.0) -> None:
    """End the Python workers of a local master before the JVM closes their sockets.

    Each worker that finds its socket closed would print a traceback into the task's log.
    """
    daemons = [pid for pid in _descendants(jvm) if b"pyspark.daemon" in _command(pid)]
    for pid in daemons:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + within_s
    while any(map(_is_alive, daemons)) and time.monotonic() < until:
        time.sleep(0.01)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def _is_alive(pid: int | None) -> bool:
    """Return whether a process runs; a zombie that its parent has not reaped does not."""
    return pid is not None and (stat := _stat(pid)) is not None and stat[0] not in (b"Z", b"X")


def _parent(pid: int) -> int | None:
    """Return the parent's pid; None where this cannot be known (no /proc)."""
    return None if (stat := _stat(pid)) is None else int(stat[1])


def _stat(pid: int) -> list[bytes] | None:
    """State, parent and more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the command in parentheses, which may hold anything, parentheses too.
    return stat.rpartition(b")")[2].split()


def _descendants(root: int) -> set[int]:
    """Return the processes below `root`, without this one."""
    children: dict[int, list[int]] = {}
    processes = Path("/proc")
    for entry in processes.iterdir() if processes.is_dir() else ():
        if entry.name.isdecimal() and (parent := _parent(int(entry.name))) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    todo = [root]
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found - {os.getpid()}
