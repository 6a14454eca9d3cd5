"""Evaluate one trial: call the objective, and turn what it returns or raises into a reply.

What the objective raises never leaves here as an exception: Spark would retry the task, and the log would
fill with the JVM's traces.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

# Bound here, before any code of the user's runs: an objective may replace what a module offers.
from json import dumps
from time import monotonic
from typing import Any, Protocol

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.children import guard_children
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.output import captured
from airflow_sparktune.executor.reply import Reply, raised
from airflow_sparktune.executor.reuse import keep_worker
from airflow_sparktune.executor.seeding import seed_globals
from airflow_sparktune.executor.shared import Broadcast, explained, opened
from airflow_sparktune.study.trial import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Call:
    """What travels per trial."""

    params: Any
    trial: TrialContext


class Task(Protocol):
    """What all trials of a study share: the objective and its arguments. It travels once, as a broadcast."""

    def load(self) -> None:
        """Load the objective; raises ObjectiveError where trials cannot call it."""

    def bind(self, call: Call) -> Callable[[], Any]:
        """Return the objective with the arguments of one trial."""

    def reply(self, returned: Any, run_s: float) -> Reply:
        """Return the reply for what the objective returned."""

    def pickled(self, returned: Any) -> bytes | None:
        """Return what the objective returned, pickled, if the driver needs more of it than the reply."""


def evaluate(task: Broadcast, call: Call, rows: Iterator[Any]) -> Iterator[Any]:
    """Run one trial as a Spark task: yields the reply, then what was returned if the driver needs it."""
    keep_worker(rows)
    with opened(task) as value:
        reply, returned = run(value, call)
        yield replace(reply, failure=explained(reply.failure, task)).to_json()
        if returned is not None and (pickled := value.pickled(returned)) is not None:
            yield pickled


def run(task: Task, call: Call) -> tuple[Reply, Any]:
    """Call the objective with seeded random states; return the reply, and what the objective returned."""
    with captured(call.trial.number) as output:
        reply, returned = _run(task, call)
    return replace(reply, output=output.text or None), returned


def _run(task: Task, call: Call) -> tuple[Reply, Any]:
    try:
        objective = task.bind(call)
    except ObjectiveError as error:
        return Reply(0.0, failure=Failure(FailureKind.RAISED, str(error))), None
    except Exception as error:  # noqa: BLE001 - loading an objective may run any code of the user's
        return Reply(0.0, failure=raised(error)), None
    guard_children()
    seed_globals(call.trial.seed)
    start = monotonic()
    try:
        returned = objective()
    except TrialCancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() too: it ends a trial, not the worker
        return Reply(monotonic() - start, failure=raised(error)), None
    run_s = monotonic() - start
    try:
        return task.reply(returned, run_s), returned
    except TrialCancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - a value of the user's own class may raise when it is read
        return Reply(run_s, failure=replace(raised(error), kind=FailureKind.NONSENSE)), None


class TrialCancelled(BaseException):
    """Raised inside the objective of a trial on the driver that was cancelled."""


def check(task: Broadcast, rows: Iterator[Any]) -> Iterator[str]:
    """Check inside a worker that trials can run there: yields JSON (see driver.backends.preflight)."""
    import airflow_sparktune

    list(rows)
    problem = None
    try:
        with opened(task) as value:
            value.load()
    except ObjectiveError as error:
        problem = str(error)
    yield dumps(
        {
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "executable": sys.executable,
            "package": airflow_sparktune.__version__,
            "path": airflow_sparktune.__file__,
            "error": problem,
        }
    )
