"""The routes of the browser of studies and of the comparison, for every user who has logged in."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from airflow_sparktune.dashboard.browse.rights import Rights
from airflow_sparktune.dashboard.browse.schemas import End, Reply
from airflow_sparktune.dashboard.browse.tasks import task_rows
from airflow_sparktune.dashboard.page import assets
from airflow_sparktune.dashboard.page.history import RunHistory
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.replies import file_response
from airflow_sparktune.dashboard.task_key import Catalogue
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.errors import SparktuneError

log = logging.getLogger(__name__)

_LONG_S = 90.0


def add_files(router: APIRouter, workers: Workers) -> None:
    """Add the pages' own files."""

    @router.get("/static/{name}")
    async def static(request: Request, name: str) -> Response:
        if name not in assets.files():
            raise HTTPException(404, "no such file")
        return await workers.run(lambda: file_response(name, request))


def add_comparison(router: APIRouter, workers: Workers) -> None:
    """Add the page that compares studies, which it reads by the routes of their DAGs."""
    add_files(router, workers)

    @router.get("/compare/")
    async def compare_page() -> HTMLResponse:
        return HTMLResponse(assets.page("compare.html"))


def add_browser(
    router: APIRouter, catalogue: Catalogue, *, rights: Callable[..., Any], workers: Workers, mask: Mask
) -> None:
    """Add the browser; `rights` is a dependency that returns the user's `Rights`."""
    history = RunHistory(mask)

    @router.get("/")
    async def studies_page() -> HTMLResponse:
        return HTMLResponse(assets.page("studies.html"))

    @router.get("/studies")
    async def studies(found: Rights = Depends(rights)) -> Response:  # noqa: B008 - FastAPI's idiom
        text = await workers.run(lambda: "".join(_lines(catalogue, history, found)), deadline_s=_LONG_S)
        return Response(text, media_type="application/x-ndjson", headers={"Cache-Control": "no-store"})


def _lines(catalogue: Catalogue, history: RunHistory, rights: Rights) -> Iterator[str]:
    """Yield a line for each row, and the last line."""
    problems = []
    tasks = list(catalogue.tasks(rights.dag_ids()))
    readable = rights.may_read({task.dag_id for task in tasks})
    for task in tasks:
        if task.dag_id not in readable:
            continue
        try:
            yield from map(_line, task_rows(catalogue, history, task))
        except SparktuneError:
            log.exception("The studies of %s.%s cannot be read", task.dag_id, task.task_id)
            problems.append(
                f"{task.dag_id}.{task.task_id} cannot be read; the API server's log has the details."
            )
    yield _line(End(problems=problems))


def _line(reply: Reply) -> str:
    return json.dumps(reply.model_dump(mode="python"), allow_nan=False, separators=(",", ":")) + "\n"
