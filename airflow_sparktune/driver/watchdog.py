"""Client mode: the driver follows its JVM, and the JVM's parent (the Airflow task). None outlives another."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

PERIOD_S = 0.25
# Somebody who is killed has no exit code to give; this one is a SIGKILL's.
EXIT_CODE = 137


def start_watchdog(work_folder: Path) -> None:
    """End this process, the JVM and all they started as soon as the JVM or its parent is gone.

    `work_folder` is what nobody else is left to remove.
    """
    jvm = os.getppid()
    threading.Thread(
        target=_watch, args=(jvm, _parent(jvm), work_folder), name="watchdog", daemon=True
    ).start()


def end_children() -> None:
    """Kill what trials on the driver have started and left behind."""
    # Where spark-submit has not started this process, the JVM itself may be a child.
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        _kill(_descendants(os.getpid()))


def _watch(jvm: int, task: int | None, work_folder: Path) -> None:
    while os.getppid() == jvm and (task is None or _parent(jvm) == task):
        time.sleep(PERIOD_S)
    log.error("the process that started this driver is gone; ending everything")
    family = _descendants(jvm) | _descendants(os.getpid())
    _kill([jvm, *family] if os.getppid() == jvm else family)
    shutil.rmtree(work_folder, ignore_errors=True)
    os._exit(EXIT_CODE)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        # It has ended by itself, or runs as somebody else: the others must end all the same.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _parent(pid: int) -> int | None:
    """The parent's pid; None where this cannot be known (no /proc)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the command in parentheses, which may hold spaces and parentheses.
    return int(stat.rpartition(")")[2].split()[1])


def _descendants(root: int) -> set[int]:
    """The processes below `root`, without this one."""
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
