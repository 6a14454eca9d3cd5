"""A trial's call as a property of its Spark job: one prepared job serves every trial of a study.

What differs from trial to trial then needs no function of its own, which PySpark would pickle and build anew
in the JVM: that takes a third of an empty trial's time, and half of the driver's.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from airflow_sparktune.executor.evaluate import Call

PROPERTY = "sparktune.call"
# Spark keeps the properties of its recent jobs, and writes them into its event log.
MOST_BYTES = 32_768


def post(call: Call) -> str | None:
    """The property's value; None for a call that is too large for it."""
    posted = base64.b64encode(pickle.dumps(call)).decode()
    return posted if len(posted) <= MOST_BYTES else None


def evaluate_posted(
    evaluate: Callable[[Any, Call, Iterator[Any]], Iterator[Any]], task: Any, rows: Iterator[Any]
) -> Iterator[Any]:
    """The function of the prepared job: `evaluate`, with the call that its job was given."""
    from pyspark import TaskContext  # there wherever this runs

    context = TaskContext.get()
    posted = context.getLocalProperty(PROPERTY) if context is not None else None
    if posted is None:
        raise RuntimeError(f"a trial's job must carry its call as {PROPERTY}, but this one does not")
    return evaluate(task, pickle.loads(base64.b64decode(posted)), rows)
