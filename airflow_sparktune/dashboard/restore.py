"""The routes by which a user restores an earlier champion."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from airflow_sparktune.dashboard.access import checked_task, require_same_origin
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import RecordError, StorageError
from airflow_sparktune.study.record.champions import Champions, segments

log = logging.getLogger(__name__)

Task = Annotated[TaskKey, Depends(checked_task)]
Segment = Annotated[str | None, Query(max_length=250)]


class RestoreReply(BaseModel):
    """A message about the result."""

    message: str


def add_restore(
    router: APIRouter, catalogue: Catalogue, *, editor: Callable[..., Any], workers: Workers
) -> None:
    """Add the routes to the router of a DAG.

    `editor` is the same as in `add_stop`. The page offers the buttons if GET succeeds.
    """
    path = "/tasks/{task_id}/restore"

    @router.get(path, dependencies=[Depends(editor), Depends(checked_task)])
    async def may_restore() -> RestoreReply:
        return RestoreReply(message="You may restore champions of this task.")

    # The origin is checked before the editor, so that another site's page cannot learn the user's rights.
    @router.put(path, dependencies=[Depends(require_same_origin)])
    async def restore(
        task: Task, entry: int, segment: Segment = None, by: str = Depends(editor)
    ) -> RestoreReply:
        return await workers.run(lambda: _restore(catalogue, task, segment, entry, by))


def _restore(catalogue: Catalogue, task: TaskKey, segment: str | None, number: int, by: str) -> RestoreReply:
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
        raise HTTPException(
            409,
            "The API server may not write to the record of champions. Run `sparktune champion --restore` as "
            "a user with that right, or give the right to the API server's user.",
        ) from None
    log.info("%r restored entry %d of %s as entry %d", by, number, champions.address, entry.number)
    return RestoreReply(
        message=f"Entry {number} is the champion again, as entry {entry.number}. The next retuning compares "
        "with it. No training was started."
    )
