"""Client mode: end the driver when its JVM or the JVM's parent (the Airflow task) ends, and the reverse."""

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
# A killed process returns no exit code; this is the code of SIGKILL.
EXIT_CODE = 137

_PR_SET_CHILD_SUBREAPER = 36


class Watchdog:
    """Kills this process, the JVM and their child processes when the JVM or its parent has ended.

    `work_folder` is removed when the task has ended, because no other process is left to do so. Without a
    folder (cluster mode), no process is watched.
    """

    def __init__(self, work_folder: Path | None) -> None:
        self._work_folder = work_folder
        self._jvm = os.getppid()
        self._task = _parent(self._jvm) if work_folder is not None else None
        self._ending = threading.Lock()

    def start(self) -> None:
        """Watch the JVM and its parent in a thread, and start a guard that watches this process."""
        if self._work_folder is not None:
            guard_driver()
            _adopt_orphans()
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def end(self, code: int) -> NoReturn:
        """Exit this process. The first caller exits; a later one blocks until then."""
        with self._ending:
            try:
                self._end_family()
            finally:
                # Threads that still wait for a cancelled trial must not keep the process alive.
                os._exit(code)

    def _watch(self) -> None:
        try:
            while os.getppid() == self._jvm and (self._task is None or _parent(self._jvm) == self._task):
                time.sleep(PERIOD_S)
            log.error("the process that started this driver has ended; ending the driver and its children")
        finally:
            self.end(EXIT_CODE)

    def _end_family(self) -> None:
        own = _descendants(os.getpid())
        if self._work_folder is None:
            # If spark-submit did not start this process, the JVM is one of its children: do not kill it.
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
    """Become the parent of processes that the children of a trial have left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _remove(folder: Path, *, within_s: float = 2.0) -> None:
    """Remove the folder; retry while killed processes may still be writing to it."""
    until = time.monotonic() + within_s
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        # The process has ended, or belongs to another user; the remaining ones must still be killed.
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
    """Return whether a process is running; a zombie is not."""
    return pid is not None and (stat := _stat(pid)) is not None and stat[0] not in (b"Z", b"X")


def _parent(pid: int) -> int | None:
    """Return the parent's pid, or None if it is unknown (no /proc)."""
    return None if (stat := _stat(pid)) is None else int(stat[1])


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/<pid>/stat from the state on; None if the process does not exist."""
    # Not psutil: the driver may run in another Python, which need not have it.
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the command in parentheses, which may itself contain parentheses.
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
