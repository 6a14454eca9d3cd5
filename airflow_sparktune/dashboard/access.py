"""Access to a study: users may see and change it if they may do so with the DAG's task instances."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Query, Request

from airflow_sparktune.dashboard.task_key import TaskKey

log = logging.getLogger(__name__)

_KEY = re.compile(r"[\w.-]+")  # what Airflow allows in DAG and task ids
_RUN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069/\\]+")
_INDEX = re.compile(r"[0-9]{1,9}")
_MOST_RUNS = 500
# Any text: a segment's folder is computed from it.
Segment = Annotated[str | None, Query(max_length=250)]
_UNMAPPED = ("", "-1", "{MAP_INDEX}")  # on an unmapped task, the UI does not replace the placeholder


def may_read_task_instances() -> Callable[..., Any]:
    """Return Airflow's own check, which reads the path parameter `dag_id` (exactly that name)."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag

    return requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)


def may_edit_task_instances() -> Callable[..., Any]:
    """Return Airflow's check for changing a task instance, as a dependency that returns the user's name."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag

    check = requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE)

    def editor(request: Request, user: Annotated[Any, Depends(get_user)]) -> str:
        check(request, user)
        return str(user.get_name())

    # FastAPI resolves annotations in the module's namespace, where get_user must not be imported.
    editor.__annotations__ = {"request": Request, "user": Annotated[Any, Depends(get_user)], "return": str}
    return editor


async def require_same_origin(request: Request) -> None:
    """Reject a request that another site's page could send with the user's cookie.

    A form cannot send JSON, and a script of another origin cannot send it without a CORS preflight.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "A request that changes something must be JSON.")
    origin = urlsplit(request.headers.get("origin", ""))
    if origin.scheme not in ("http", "https") or origin.netloc != request.headers.get("host"):
        log.warning("Rejected a request to change something from the origin %r", origin.geturl()[:250])
        raise HTTPException(403, "A request that changes something must come from a page of this server.")


async def checked_dag(dag_id: str) -> str:
    """Return the DAG's id; rejects `~`, which stands for all DAGs in Airflow's check."""
    return _checked("dag_id", dag_id, _KEY)


async def checked_task(dag_id: str, task_id: str) -> TaskKey:
    """Return the task in the path."""
    return _task(dag_id, task_id)


async def checked_instance(
    dag_id: str, task_id: str, run_id: str, map_index: str = "", segment: Segment = None
) -> TaskKey:
    """Return the task instance in the path, and the segment in the query."""
    index = -1 if map_index in _UNMAPPED else int(_checked("map_index", map_index, _INDEX))
    run = _checked("run_id", run_id, _RUN)
    return replace(_task(dag_id, task_id), run_id=run, map_index=index, segment=segment or None)


async def checked_runs(
    run: Annotated[list[str] | None, Query(max_length=_MOST_RUNS)] = None,
) -> tuple[str, ...]:
    """Return the run ids in the query, which the page got from Airflow."""
    return tuple(_checked("run_id", each, _RUN) for each in run or ())


def study_at(generations: Mapping[int, str], generation: int) -> str:
    """Return the address of one of a task instance's studies; answers 404 if there is none."""
    address = generations.get(generation)
    if address is None:
        raise HTTPException(404, f"this task instance has no study of generation {generation}")
    return address


def may_not_write(what: str, command: str) -> HTTPException:
    """Return the answer if the API server may not write where a change would be."""
    return HTTPException(
        409,
        f"The API server may not write to {what}. Run `sparktune {command}` as a user with that right, or "
        "give the right to the API server's user.",
    )


def _task(dag_id: str, task_id: str) -> TaskKey:
    return TaskKey(_checked("dag_id", dag_id, _KEY), _checked("task_id", task_id, _KEY))


def _checked(what: str, value: str, pattern: re.Pattern[str]) -> str:
    # A name of dots only would leave the storage folder.
    if len(value) <= 250 and pattern.fullmatch(value) and value.strip("."):
        return value
    log.warning("Rejected a request for a study: %s %r", what, value[:250])
    raise HTTPException(400, f"{what} must be the id of a {what.removesuffix('_id')} in Airflow")


Task = Annotated[TaskKey, Depends(checked_task)]
TaskInstance = Annotated[TaskKey, Depends(checked_instance)]
