"""The routes by which users read a study's note, and write it if they may edit the task instance."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel

from airflow_sparktune.dashboard.access import TaskInstance, may_not_write, require_same_origin, study_at
from airflow_sparktune.dashboard.page.masking import Mask, study_mask
from airflow_sparktune.dashboard.page.note import note_reply
from airflow_sparktune.dashboard.page.replies import json_response
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.task_key import Catalogue
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.files.note import NoteChanged, write_note
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

_NOTE = "/tasks/{task_id}/runs/{run_id}/note"


class NewNote(BaseModel):
    """The text of a note, and the number of the note that its author has seen."""

    text: str
    replaces: int


def add_notes(
    router: APIRouter,
    catalogue: Catalogue,
    *,
    editor: Callable[..., Any],
    mask: Mask,
    cache: StudyCache,
    workers: Workers,
) -> None:
    """Add the routes to the router of a DAG; `editor` is as in `add_changes`."""

    def reply(address: str, request: Request) -> Response:
        with cache.look(address) as follower:
            shown = study_mask(mask, follower.study)
        return json_response(note_reply(open_storage(address), shown), request)

    @router.get(_NOTE)
    async def read(request: Request, key: TaskInstance, generation: int) -> Response:
        return await workers.run(lambda: reply(study_at(catalogue.generations(key), generation), request))

    # The origin is checked before the editor, so that another site's page cannot learn the user's rights.
    @router.put(_NOTE, dependencies=[Depends(require_same_origin)])
    async def write(
        request: Request, key: TaskInstance, generation: int, note: NewNote, by: str = Depends(editor)
    ) -> Response:
        def change() -> Response:
            address = study_at(catalogue.generations(key), generation)
            _write(address, note, by)
            return reply(address, request)

        return await workers.run(change)


def _write(address: str, note: NewNote, by: str) -> None:
    try:
        write_note(open_storage(address), note.text, replaces=note.replaces, by=by, wall=time.time)
    except SpecError as error:
        raise HTTPException(400, str(error)) from None
    except NoteChanged as error:
        raise HTTPException(409, str(error)) from None
    except StorageError as error:
        log.warning("The note of %s could not be written: %s", address, error)
        raise may_not_write("this study's folder", "note") from None
    log.info("%r wrote a note to %s", by, address)
