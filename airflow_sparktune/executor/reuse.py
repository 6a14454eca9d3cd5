"""What makes PySpark use a Python worker again for the next trial, and makes that cheap."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count
from typing import Any

_trials = count()


def keep_worker(rows: Iterator[Any]) -> None:
    """To be called at the start of a trial, with the rows of its task.

    They are consumed although they say nothing: PySpark ends a worker that leaves its input unread. And
    PySpark collects garbage after every task, which takes ten milliseconds of a core to look through the
    libraries that are loaded: they are taken out of that. Most are there before a worker's first trial, the
    others, which an objective imports when it is called, before its second.
    """
    list(rows)
    # Not before every trial: what is frozen is never collected.
    if next(_trials) < 2:
        gc.freeze()
