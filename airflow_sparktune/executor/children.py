"""End the child processes of an objective (a data loader, joblib, a shell command) with their parent.

Spark cancels a trial by sending SIGKILL to its Python worker, which then cannot clean up. On Linux, each
worker therefore leads its own process group, which its children inherit. A guard process in that group
waits for the worker to exit, then kills the group. Processes that moved to another group or session are
found by a mark in their environment. A fork that moved to another session and executed no program is missed.

Trials on the driver have the same guard, but the driver stays in its process group, which others signal.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache

# A shell needs about 1 MB; a fork of the worker would keep the worker's memory alive. The guard runs in the
# background of a shell that exits, so it is nobody's child: an objective may wait for all of its children.
# A background process has /dev/null as standard input, hence descriptor 3. The search runs three times
# because a process may have started another just before it was killed.
_GUARD = """exec 3<&0; {
read _ <&3
for _ in 1 2 3; do
    found=$(grep -ls "$1" /proc/[0-9]*/environ)
    [ "$found" ] || break
    for each in $found; do each=${each#/proc/}; kill -KILL "${each%/*}"; done
done
kill -KILL 0
} &"""
_MARK = "SPARKTUNE_GUARD"

_PR_SET_PDEATHSIG = 1


@cache
def guard_children() -> None:
    """Kill the child processes of this Spark worker when it exits. Does nothing in other processes."""
    if sys.platform == "linux" and _is_forked_by_spark():
        # Spark's daemon stops its workers by signalling its process group, which this worker now leaves.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        _guard(group=None)


def guard_driver() -> None:
    """Kill the child processes of a driver when it exits. Forks of the driver join the guard's group."""
    if sys.platform == "linux":
        group = _guard(group=0)
        if group is not None:
            os.register_at_fork(after_in_child=lambda: _join(group))


def _is_forked_by_spark() -> bool:
    # Without its daemon, Spark starts workers from a JVM thread, which may end long before the worker does.
    program = getattr(sys.modules["__main__"], "__spec__", None)
    return program is not None and program.name == "pyspark.daemon"


def _guard(*, group: int | None) -> int | None:
    """Start the guard in process group `group` (0: a new one), and return its process id; None on failure."""
    value = secrets.token_hex(8)
    guards, workers = os.pipe()  # nothing is written; programs that this process executes inherit neither end
    life = os.fdopen(workers, "wb")
    # A forked Python child would hold the pipe open, and so keep the guard waiting.
    os.register_at_fork(after_in_child=life.close)
    quiet = subprocess.DEVNULL
    # In an image without a shell, trials run without a guard.
    with os.fdopen(guards) as end, suppress(OSError):
        command = ["/bin/sh", "-c", _GUARD, "guard", f"{_MARK}={value}"]
        shell = subprocess.Popen(command, stdin=end, stdout=quiet, stderr=quiet, process_group=group)
        shell.wait()
        # Set after the start, so that the guard does not carry the mark itself.
        os.environ[_MARK] = value
        return shell.pid
    return None


def _join(group: int) -> None:
    with suppress(OSError):  # the guard has exited
        os.setpgid(0, group)
