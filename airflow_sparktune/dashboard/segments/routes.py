"""The routes by which the page reads an application and its segments; `app` checks access first."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from airflow_sparktune.dashboard.access import TaskInstance
from airflow_sparktune.dashboard.page.replies import json_response
from airflow_sparktune.dashboard.segments.schemas import SegmentNames, SegmentsReply
from airflow_sparktune.dashboard.segments.table import SegmentTable
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.segments import MOST, NAME, read_segments
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

_RUN = "/tasks/{task_id}/runs/{run_id}"
_INVALID = f"{NAME} of this application is invalid; the API server's log has the details."

Generation = Annotated[int | None, Query(ge=0)]
Tags = Annotated[str, Query(max_length=20 * MOST)]
TaskState = Annotated[str | None, Query(max_length=40)]


def application_at(catalogue: Catalogue, key: TaskKey, generation: int | None) -> str | None:
    """Return the address of a task instance's application; None if its study has no segments."""
    found = {} if key.segment is not None else catalogue.generations(key)
    chosen = next(iter(found), None) if generation is None else generation
    address = found.get(chosen) if chosen is not None else None
    return address if address is not None and is_application(address) else None


def is_application(address: str) -> bool:
    """Return whether there is an application at an address."""
    return NAME in open_storage(address).names("")


def add_segments(router: APIRouter, catalogue: Catalogue, table: SegmentTable, workers: Workers) -> None:
    """Add the routes to the router of a DAG."""

    @router.get(f"{_RUN}/segments")
    async def segments(
        request: Request,
        key: TaskInstance,
        generation: Generation = None,
        have: Tags = "",
        task_state: TaskState = None,
    ) -> Response:
        """Return the segments, without the blocks whose tags are in `have`."""
        generations, address = await workers.run(lambda: _find(catalogue, key, generation))
        try:
            found, unread = await table.read(address, map_index=key.map_index)
        except SpecError:
            log.exception("The application at %s cannot be shown", address)
            raise HTTPException(422, _INVALID) from None
        blocks = await table.blocks(found, have.split("."), task_state=task_state)
        reply = SegmentsReply(
            title=catalogue.title(key),
            generation=next(iter(generations)) if generation is None else generation,
            generations=generations,
            segments=len(found.segments.segments),
            blocks=blocks,
            unread=unread,
        )
        return await workers.run(lambda: json_response(reply, request))

    @router.get(f"{_RUN}/segment_names")
    async def segment_names(request: Request, key: TaskInstance, generation: Generation = None) -> Response:
        """Return the names of the segments of the application that a segment's study belongs to."""

        def read() -> Response:
            _, address = _find(catalogue, key, generation)
            try:
                found = read_segments(address)
            except SpecError:
                log.exception("The application at %s cannot be shown", address)
                raise HTTPException(422, _INVALID) from None
            return json_response(SegmentNames(names=list(found.names) if found else []), request)

        return await workers.run(read)


def _find(catalogue: Catalogue, key: TaskKey, generation: int | None) -> tuple[list[int], str]:
    """Return the generations of a task instance, and the address of its application."""
    address = application_at(catalogue, replace(key, segment=None), generation)
    if address is None:
        raise HTTPException(404, "this task instance has no application with segments")
    return list(catalogue.generations(replace(key, segment=None))), address
