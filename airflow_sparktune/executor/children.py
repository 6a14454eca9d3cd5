"""Children of an objective (a data loader, joblib, a shell command) end with the process that started them.

Spark cancels a trial by SIGKILL to its Python worker, which then cannot clean up. On Linux, each worker
therefore leads a process group of its own, in which its children are born, and a guard in that group waits
for the worker's end to kill the rest. Programs that move into a group or session of their own are known by a
mark in their environment. A fork that moves into a session and starts no program there is out of reach.

Trials on the driver have a guard like that; but the driver's own group, by which others end it, stays.
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

# A shell is a thousand kilobytes where a fork of the worker would keep its memory alive. It waits in the
# background, so that it is nobody's child: an objective may wait for all of its own. What runs in the
# background has /dev/null for its input, hence the 3. What is killed may just have started another.
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
    """See to it that what this process starts does not outlive it; in a Spark worker only."""
    if sys.platform == "linux" and _is_forked_by_spark():
        # Spark's daemon ends its workers by a signal to its own group, which this one leaves: follow it.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        _guard(group=None)


def guard_driver() -> None:
    """Do the same for a driver, whose forks move into the guard's group."""
    if sys.platform == "linux":
        group = _guard(group=0)
        if group is not None:
            os.register_at_fork(after_in_child=lambda: _join(group))


def _is_forked_by_spark() -> bool:
    # Nowhere else: where Spark starts workers without its daemon the parent is a thread of the JVM, which may
    # end long before the worker.
    program = getattr(sys.modules["__main__"], "__spec__", None)
    return program is not None and program.name == "pyspark.daemon"


def _guard(*, group: int | None) -> int | None:
    """Start it in this process's group, or in one of its own (0), which is returned."""
    value = secrets.token_hex(8)
    guards, workers = os.pipe()  # nothing is ever written; both ends are closed where a program is started
    life = os.fdopen(workers, "wb")
    # A child that is forked and stays Python would keep it open, and so itself alive.
    os.register_at_fork(after_in_child=life.close)
    quiet = subprocess.DEVNULL
    # An image without a shell has no guard, and runs its trials all the same.
    with os.fdopen(guards) as end, suppress(OSError):
        command = ["/bin/sh", "-c", _GUARD, "guard", f"{_MARK}={value}"]
        shell = subprocess.Popen(command, stdin=end, stdout=quiet, stderr=quiet, process_group=group)
        shell.wait()
        # Only now: the guard itself must not have it.
        os.environ[_MARK] = value
        return shell.pid
    return None


def _join(group: int) -> None:
    with suppress(OSError):  # the guard is gone
        os.setpgid(0, group)
