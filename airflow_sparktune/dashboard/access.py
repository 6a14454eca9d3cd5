"""Let users see and change a study as they may see and change the task instances of the DAG in the path."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Query, Request

from airflow_sparktune.dashboard.place import Place

log = logging.getLogger(__name__)

_KEY = re.compile(r"[\w.-]+")  # what Airflow allows in DAG and task ids
_RUN = re.compile(r"[^\x00-\x1f\x7f/\\]+")
_INDEX = re.compile(r"[0-9]{1,9}")
_MOST_RUNS = 500
_UNMAPPED = ("", "-1", "{MAP_INDEX}")  # the UI leaves the last as it is on an unmapped task


def may_read_task_instances() -> Callable[..., Any]:
    """Airflow's own check; it reads the path parameter named exactly `dag_id`."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag

    return requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)


def may_edit_task_instances() -> Callable[..., Any]:
    """Airflow's check for changing a task instance, as a dependency that returns the user's name."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user, requires_access_dag

    check = requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE)

    def editor(request: Request, user: Annotated[Any, Depends(get_user)]) -> str:
        check(request, user)
        return str(user.get_name())

    # FastAPI looks for the names in annotations among the module's, where get_user must not be imported.
    editor.__annotations__ = {"request": Request, "user": Annotated[Any, Depends(get_user)], "return": str}
    return editor


async def from_this_page(request: Request) -> None:
    """Refuse what another site's page could send with the user's cookie.

    A form cannot send JSON, and a script of another origin cannot send it without being asked for its origin.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "A request that changes something must be JSON.")
    origin = urlsplit(request.headers.get("origin", ""))
    if origin.scheme not in ("http", "https") or origin.netloc != request.headers.get("host"):
        log.warning("Refused a request to change something from the origin %r", origin.geturl()[:250])
        raise HTTPException(403, "A request that changes something must come from a page of this server.")


async def checked_dag(dag_id: str) -> str:
    """The DAG's id; refuses `~`, which means "no DAG in particular" to Airflow's check."""
    return _checked("dag_id", dag_id, _KEY)


async def checked_task(dag_id: str, task_id: str) -> Place:
    """The task in the path."""
    return _task(dag_id, task_id)


async def checked_place(dag_id: str, task_id: str, run_id: str, map_index: str = "") -> Place:
    """The task instance in the path."""
    index = -1 if map_index in _UNMAPPED else int(_checked("map_index", map_index, _INDEX))
    run = _checked("run_id", run_id, _RUN)
    return replace(_task(dag_id, task_id), run_id=run, map_index=index)


async def checked_runs(
    run: Annotated[list[str] | None, Query(max_length=_MOST_RUNS)] = None,
) -> tuple[str, ...]:
    """The ids of runs that the page knows from Airflow, in the query."""
    return tuple(_checked("run_id", each, _RUN) for each in run or ())


def _task(dag_id: str, task_id: str) -> Place:
    return Place(_checked("dag_id", dag_id, _KEY), _checked("task_id", task_id, _KEY))


def _checked(what: str, value: str, pattern: re.Pattern[str]) -> str:
    # A name of dots only would climb out of the storage.
    if len(value) <= 250 and pattern.fullmatch(value) and value.strip("."):
        return value
    log.warning("Refused a request for a study: %s %r", what, value[:250])
    raise HTTPException(400, f"{what} must name one {what.removesuffix('_id')} as Airflow does")
