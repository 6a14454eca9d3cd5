"""A deferred study: the task gives its worker back after the submission, and resumes at the end."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Never

from airflow.sdk import Context
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.errors import DriverLost
from airflow_sparktune.orchestrator.deploy.run import Standing
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.waiting.trigger import StudyTrigger
from airflow_sparktune.orchestrator.waiting.watch import End, How, Waiting
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored

log = logging.getLogger(__name__)

# The key in the task's state store of the application that the task has deferred to.
_KEY = "deferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending(JsonObject):
    """A submitted study, from which another process can collect the result.

    `spec` is None for a script. Once the time `until` has passed, the task has timed out.
    """

    WHAT: ClassVar[str] = "a deferred study"

    address: str = stored(shape.text)
    spec: Spec | None = stored(Spec, default=None)
    waiting: Waiting = stored(Waiting)
    until: float | None = stored(shape.moment, default=None)


def submitted(
    task: SparkTuneOperator,
    context: Context,
    address: str,
    spec: Spec | None,
    before: Standing,
    application: str,
) -> Never:
    """Defer a task whose application is in the cluster now."""
    limit = task.execution_timeout
    until = None if limit is None else time.time() + limit.total_seconds()
    waiting = Waiting(
        # The program of a script may go on after its study.
        study=None if spec is None else address,
        attempt=before.attempt,
        closed=before.closed,
        application=application,
        conn_id=task.spark_conn_id,
    )
    defer(task, context, Pending(address=address, spec=spec, waiting=waiting, until=until))


def defer(task: SparkTuneOperator, context: Context, pending: Pending) -> Never:
    """Free the worker until the application, or its study, has ended."""
    application = pending.waiting.application
    if (store := context.get("task_state_store")) is not None:
        store.set(_KEY, application, retention=NEVER_EXPIRE)
    left = None if pending.until is None else timedelta(seconds=max(pending.until - time.time(), 1.0))
    log.info("the task waits for the application %s without a worker", application)
    task.defer(
        trigger=StudyTrigger(waiting=pending.waiting.to_json(), poll_s=task.poll_s),
        method_name="execute_complete",
        kwargs={"pending": pending.to_json()},
        timeout=left,
    )


def failure_of(task: SparkTuneOperator, context: Context, pending: Pending, end: End) -> Exception | None:
    """Return the error of an application that has ended, or None; defers the task again if it is running.

    If the triggerer could not tell, this worker asks the cluster. Raises DriverLost if it does not answer.
    """
    status, application = end.detail, str(pending.waiting.application)
    if end.how is How.TROUBLE:
        log.warning("the triggerer failed to look for the end of the study: %s", end.detail)
        try:
            status = task.ended_status(application)
        except Exception as error:
            raise DriverLost(
                f"the cluster must tell the state of the application {application}, but: {error}; "
                "a retry finds the application again"
            ) from error
        if status is None:
            defer(task, context, pending)
    if end.how is How.VERDICT or status is None or status.upper() == "SUCCEEDED":
        return None
    return RuntimeError(f"the application {application} ended with status {status}")


def end_application(task: SparkTuneOperator, context: Context) -> None:
    """End the application of a deferred task that is about to fail, by its stored id."""
    store = context.get("task_state_store")
    found: Any = store.get(_KEY) if store is not None else None
    if not isinstance(found, str):
        return
    log.info("the deferred task fails, so its application %s is ended; a retry continues the study", found)
    try:
        task.end_by_id(found)
    except Exception:
        log.exception("the application %s must be ended by hand", found)
