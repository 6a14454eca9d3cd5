"""Children of an objective (a data loader, joblib, a shell command) end with the worker that started them.

Spark cancels a trial by SIGKILL to its Python worker, which then cannot clean up. On Linux, each worker
therefore leads a process group of its own, in which its children are born, and a guard in that group waits
for the worker's end to kill the rest. A child that moves into a session of its own is out of reach.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache

# A shell is a thousand kilobytes where a fork of the worker would keep its memory alive. It waits in the
# background, so that it is nobody's child: an objective may wait for all of its own. What runs in the
# background has /dev/null for its input, hence the 3.
_GUARD = "exec 3<&0; { read _ <&3; kill -KILL 0; } &"

_PR_SET_PDEATHSIG = 1


@cache
def guard_children() -> None:
    """See to it that what this process starts does not outlive it; in a Spark worker only."""
    if sys.platform == "linux" and _is_forked_by_spark():
        _guard()


def _is_forked_by_spark() -> bool:
    # Nowhere else: a driver has its watchdog, and where Spark starts workers without its daemon the parent
    # is a thread of the JVM, which may end long before the worker.
    program = getattr(sys.modules["__main__"], "__spec__", None)
    return program is not None and program.name == "pyspark.daemon"


def _guard() -> None:
    # Spark's daemon ends its workers by a signal to its own group, which this one leaves: follow the daemon.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)
    guards, workers = os.pipe()  # nothing is ever written; both ends are closed where a program is started
    life = os.fdopen(workers, "wb")
    # A child that is forked and stays Python would keep it open, and so itself alive.
    os.register_at_fork(after_in_child=life.close)
    quiet = subprocess.DEVNULL
    # An image without a shell has no guard, and runs its trials all the same.
    with os.fdopen(guards) as end, suppress(OSError):
        subprocess.run(["/bin/sh", "-c", _GUARD], stdin=end, stdout=quiet, stderr=quiet, check=False)
