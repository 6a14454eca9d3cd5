"""Prepare a Python worker for a trial: what the trial may use, and whether the worker runs another one."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from airflow_sparktune.errors import PlatformError

VISIBLE = "CUDA_VISIBLE_DEVICES"

_trials = count()


@dataclass(frozen=True, slots=True)
class Held:
    """The number of cores and the GPUs that Spark has given to a task."""

    cpus: int = 1
    gpus: tuple[str, ...] = ()


def hold() -> Held:
    """Return what this task has, and let CUDA see only its GPUs: call it before user code is imported.

    Raises PlatformError if the GPUs are not among those that the process may use.
    """
    from pyspark import TaskContext  # not needed on the driver

    context = TaskContext.get()
    if context is None:
        return Held()
    gpus = context.resources().get("gpu")
    return Held(context.cpus(), show_only(gpus.addresses, os.environ) if gpus is not None else ())


def show_only(addresses: Sequence[str], environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Let CUDA see only the GPUs at `addresses`, and return them by the names that CUDA knows.

    Where only some GPUs are visible already, an address is a position among these, as in Spark's own
    TorchDistributor, or one of their names.

    >>> show_only(["1"], environ := {"CUDA_VISIBLE_DEVICES": "4,7"}), environ
    (('7',), {'CUDA_VISIBLE_DEVICES': '7'})
    """
    given = environ.get(VISIBLE)
    if given is None:
        found = tuple(addresses)
        # Discovery scripts number GPUs as nvidia-smi does; CUDA on its own puts the fastest first.
        environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    else:
        visible = [name.strip() for name in given.split(",") if name.strip()]
        found = tuple(_among(visible, each) for each in addresses)
    environ[VISIBLE] = ",".join(found)
    return found


def _among(visible: Sequence[str], address: str) -> str:
    if address.isdecimal() and int(address) < len(visible):
        return visible[int(address)]
    if address in visible:
        return address
    raise PlatformError(
        f"the address of a trial's GPU must be one of {VISIBLE}, or a position in it, got {address!r} and "
        f"{','.join(visible)!r} on the executor; let the discovery script print the positions, or unset "
        f"{VISIBLE} there"
    )


def keep_worker(rows: Iterator[Any]) -> None:
    """Keep the worker alive for the next trial, and reduce the cost of its garbage collection.

    Not for a trial with GPUs: CUDA keeps the devices and the memory of a process until it ends.

    The rows are read to the end because PySpark ends a worker that leaves its input unread. PySpark also
    collects garbage after every task; with the usual libraries loaded a collection takes 10 ms of a core.
    `gc.freeze` exempts loaded libraries from collection: most are loaded before a worker's first trial, and
    those that the objective imports when called before its second.
    """
    list(rows)
    # Not before every trial: frozen objects are never collected.
    if next(_trials) < 2:
        gc.freeze()
