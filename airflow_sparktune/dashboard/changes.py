"""The routes by which a user stops a running study, or restores an earlier champion."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel

from airflow_sparktune.dashboard.access import (
    Segment,
    Task,
    TaskInstance,
    checked_instance,
    checked_task,
    may_not_write,
    require_same_origin,
    study_at,
)
from airflow_sparktune.dashboard.segments.routes import is_application
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import RecordError, StorageError
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.record.champions import Champions, segments
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.record.event import event_content
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

# An application has no attempts; its driver removes a request that is older than itself.
OF_APPLICATION = 0
_STOP, _RESTORE = "/tasks/{task_id}/runs/{run_id}/stop", "/tasks/{task_id}/restore"


class Reply(BaseModel):
    """A message about the result, or about what happens next.

    `event` is the content of the asset event of a restored champion, which the page can have Airflow emit.
    """

    message: str
    event: dict[str, Any] | None = None


def add_changes(
    router: APIRouter,
    catalogue: Catalogue,
    *,
    editor: Callable[..., Any],
    cache: StudyCache,
    workers: Workers,
) -> None:
    """Add the routes to the router of a DAG.

    `editor` is a FastAPI dependency that returns the name of a user who may edit task instances, and raises
    for others. The page offers a button if GET succeeds.
    """

    @router.get(_STOP, dependencies=[Depends(editor), Depends(checked_instance)])
    @router.get(_RESTORE, dependencies=[Depends(editor), Depends(checked_task)])
    async def may_change() -> Reply:
        return Reply(message="You may do this.")

    # The origin is checked before the editor, so that another site's page cannot learn the user's rights.
    @router.put(_STOP, dependencies=[Depends(require_same_origin)])
    async def stop(key: TaskInstance, generation: int, by: str = Depends(editor)) -> Reply:
        return await workers.run(lambda: _stop(catalogue, cache, key, generation, by))

    @router.put(_RESTORE, dependencies=[Depends(require_same_origin)])
    async def restore(task: Task, entry: int, segment: Segment = None, by: str = Depends(editor)) -> Reply:
        return await workers.run(lambda: _restore(catalogue, task, segment, entry, by))


def _stop(catalogue: Catalogue, cache: StudyCache, key: TaskKey, generation: int, by: str) -> Reply:
    address = study_at(catalogue.generations(key), generation)
    try:
        application = is_application(address)
        attempt = OF_APPLICATION if application else _running_attempt(cache, address)
        request_stop(open_storage(address), attempt=attempt, by=by)
    except StorageError as error:
        log.warning("%s could not be asked to stop: %s", key, error)
        raise may_not_write("this study's folder", "stop") from None
    log.info("%s was asked to stop by %r", key, by)
    if application:
        return Reply(message="Segments that run end when the driver reads the request; no other one begins.")
    return Reply(message="The study ends when its driver reads the request, and keeps the best trial.")


def _running_attempt(cache: StudyCache, address: str) -> int:
    with cache.look(address) as follower:
        phase = phase_of(follower.study, now=time.time())
        attempts = follower.study.attempts
    if phase.over or not attempts:
        raise HTTPException(409, f"Only a running study can be stopped; this one is {phase.text}.")
    return attempts[-1].number


def _restore(catalogue: Catalogue, task: TaskKey, segment: str | None, number: int, by: str) -> Reply:
    root = catalogue.record(task)
    # An unknown segment would start a new record.
    if root is None or segment not in segments(root):
        raise HTTPException(404, "This task has no such record of champions.")
    champions = Champions(root, segment)
    if number not in champions.numbers():
        raise HTTPException(404, f"This record has no entry {number}.")
    try:
        if not champions.entry(number).action.sets_champion:
            raise HTTPException(409, f"Entry {number} did not set a champion, so it cannot be restored.")
        entry = champions.restore(number, at=time.time(), by=by)
    except RecordError:
        log.exception("Entry %d of %s cannot be restored", number, champions.address)
        raise HTTPException(
            409, "This entry cannot be read, so it cannot be restored; the API server's log has the details."
        ) from None
    except StorageError as error:
        log.warning("%s could not be written to: %s", champions.address, error)
        raise may_not_write("the record of champions", "champion --restore") from None
    log.info("%r restored entry %d of %s as entry %d", by, number, champions.address, entry.number)
    return Reply(
        message=f"Entry {number} is the champion again, as entry {entry.number}. The next retuning compares "
        "with it.",
        event=_event(entry),
    )


def _event(entry: Entry) -> dict[str, Any]:
    return event_content(
        decision=entry.action.value,
        reason=entry.reason,
        params=entry.params,
        loss=entry.loss,
        score=entry.metric.score(entry.loss),
        segment=entry.segment,
        study=entry.study,
    )
