"""Evaluate one trial: call the objective, and turn what it returns or raises into a reply.

Exceptions of the objective become failures in the reply. If they left the task, Spark would retry it and log
JVM stack traces.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

# Imported by name before user code runs: an objective may replace attributes of a module.
from json import dumps
from time import monotonic
from typing import Any, Protocol

from airflow_sparktune.errors import ObjectiveError, PlatformError
from airflow_sparktune.executor.children import guard_children
from airflow_sparktune.executor.objective import TrialContext, TrialPruned
from airflow_sparktune.executor.output import captured
from airflow_sparktune.executor.reply import Reply, raised
from airflow_sparktune.executor.reports.link import take_trouble
from airflow_sparktune.executor.seeding import seed_globals
from airflow_sparktune.executor.shared import Broadcast, WithCommon, opened, with_advice
from airflow_sparktune.executor.worker import hold, keep_worker
from airflow_sparktune.study.trial import Failure, FailureKind, TrialState


@dataclass(frozen=True, slots=True)
class Call:
    """The data sent for each trial.

    `study` names its study, and is empty if it is the only one of its application. `studies` is the number of
    studies that share the application now.
    """

    params: Any
    trial: TrialContext
    study: str = ""
    studies: int = 1

    @property
    def name(self) -> str:
        """Return the trial's name in the output of executors and in Spark's UI."""
        return f"{self.study} trial {self.trial.number}".lstrip()


class StudyObjective(Protocol):
    """The objective and its arguments, shared by all trials of a study. Sent once, as a broadcast."""

    def load(self) -> None:
        """Load the objective; raises ObjectiveError if trials cannot call it."""

    def bind(self, call: Call) -> Callable[[], Any]:
        """Return the objective bound to the arguments of one trial."""

    def reply(self, returned: Any, run_s: float) -> Reply:
        """Return the reply for a value that the objective returned."""

    def pickled(self, returned: Any) -> bytes | None:
        """Return the pickled result, or None if the reply holds everything the driver needs."""


def evaluate(broadcast: Broadcast | WithCommon, call: Call, rows: Iterator[Any]) -> Iterator[Any]:
    """Run one trial as a Spark task; yields the reply, then the pickled result if the driver needs it."""
    held = hold()
    if not held.gpus:
        keep_worker(rows)
    call = replace(call, trial=replace(call.trial, cpus=held.cpus, gpus=held.gpus))
    with opened(broadcast, studies=call.studies) as objective:
        reply, returned = run(objective, call)
        failure = with_advice(reply.failure, broadcast)
        yield replace(reply, failure=failure, unreported=take_trouble()).to_text()
        if returned is not None and (pickled := objective.pickled(returned)) is not None:
            yield pickled


def run(objective: StudyObjective, call: Call) -> tuple[Reply, Any]:
    """Seed the random states and call the objective; return the reply and the objective's result."""
    with captured(call.name) as output:
        reply, returned = _run(objective, call)
    return replace(reply, output=output.text or None), returned


def _run(objective: StudyObjective, call: Call) -> tuple[Reply, Any]:
    try:
        bound = objective.bind(call)
    except ObjectiveError as error:
        return Reply.failed(Failure(FailureKind.RAISED, str(error)), run_s=0.0), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - loading an objective may run any user code
        return Reply.failed(raised(error), run_s=0.0), None
    guard_children()
    seed_globals(call.trial.seed)
    start = monotonic()
    try:
        returned = bound()
    except TrialCancelled:
        raise
    except TrialPruned:
        return Reply(monotonic() - start, TrialState.PRUNED), None
    except BaseException as error:  # noqa: BLE001 - sys.exit() too: it ends the trial, not the worker
        return Reply.failed(raised(error), run_s=monotonic() - start), None
    run_s = monotonic() - start
    try:
        return objective.reply(returned, run_s), returned
    except TrialCancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - reading a value of a user's class may raise anything
        return Reply.failed(replace(raised(error), kind=FailureKind.NONSENSE), run_s=run_s), None


class TrialCancelled(BaseException):
    """Raised inside an objective that runs on the driver when its trial is cancelled."""


def check(broadcast: Broadcast | WithCommon, rows: Iterator[Any]) -> Iterator[str]:
    """Check that trials can run in this worker; yields JSON (see driver.engines.preflight)."""
    import airflow_sparktune

    problem = None
    try:
        if not hold().gpus:
            list(rows)  # so that PySpark keeps this worker for a trial
        with opened(broadcast) as objective:
            objective.load()
    except (ObjectiveError, PlatformError) as error:
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
