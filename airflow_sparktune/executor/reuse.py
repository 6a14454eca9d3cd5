"""Keep a Python worker alive for the next trial, and reduce the cost of its garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count
from typing import Any

_trials = count()


def keep_worker(rows: Iterator[Any]) -> None:
    """Prepare the worker for its next trial. Call this at the start of a trial, with the rows of its task.

    The rows are read to the end because PySpark ends a worker that leaves its input unread. PySpark also
    collects garbage after every task; with the usual libraries loaded a collection takes 10 ms of a core.
    `gc.freeze` exempts loaded libraries from collection: most are loaded before a worker's first trial, and
    those that the objective imports when called before its second.
    """
    list(rows)
    # Not before every trial: frozen objects are never collected.
    if next(_trials) < 2:
        gc.freeze()
