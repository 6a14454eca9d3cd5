"""The routes by which a user stops a running study, which keeps its best trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel

from airflow_sparktune.dashboard.access import checked_instance, require_same_origin
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.phase import Phase, phase_of
from airflow_sparktune.study.stop_request import request_stop
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

TaskInstance = Annotated[TaskKey, Depends(checked_instance)]


class StopReply(BaseModel):
    """A message about what happens next."""

    message: str


def add_stop(
    router: APIRouter,
    catalogue: Catalogue,
    *,
    editor: Callable[..., Any],
    cache: StudyCache,
    workers: Workers,
) -> None:
    """Add the routes to the router of a DAG.

    `editor` is a FastAPI dependency that returns the name of a user who may edit task instances, and raises
    for others. The page offers the button if GET succeeds.
    """
    path = "/tasks/{task_id}/runs/{run_id}/stop"

    @router.get(path, dependencies=[Depends(editor), Depends(checked_instance)])
    async def may_stop() -> StopReply:
        return StopReply(message="You may stop this study.")

    # The origin is checked before the editor, so that another site's page cannot learn the user's rights.
    @router.put(path, dependencies=[Depends(require_same_origin)])
    async def stop(key: TaskInstance, generation: int, by: str = Depends(editor)) -> StopReply:
        return await workers.run(lambda: _stop(catalogue, cache, key, generation, by))


def _stop(catalogue: Catalogue, cache: StudyCache, key: TaskKey, generation: int, by: str) -> StopReply:
    address = catalogue.generations(key).get(generation)
    if address is None:
        raise HTTPException(404, f"this task instance has no study of generation {generation}")
    with cache.look(address) as follower:
        phase = phase_of(follower.study, now=time.time())
        attempts = follower.study.attempts
    if phase.over or not attempts:
        why = ": its driver died, and a retry of the task continues it" if phase is Phase.LOST else ""
        raise HTTPException(409, f"Only a running study can be stopped; this one is {phase.value}{why}.")
    try:
        request_stop(open_storage(address), attempt=attempts[-1].number, by=by)
    except StorageError as error:
        log.warning("%s could not be asked to stop: %s", key, error)
        raise HTTPException(
            409,
            "The API server may not write to this study's folder. "
            "Run `sparktune stop` as a user with that right, or give the right to the API server's user.",
        ) from None
    log.info("%s was asked to stop by %r", key, by)
    return StopReply(message="The study ends when its driver reads the request, and keeps the best trial.")
