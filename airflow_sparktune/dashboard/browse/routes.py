"""The routes of the browser of studies and of the comparison, for every user who has logged in."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from airflow_sparktune.dashboard.browse.attention import KEPT, OLD_DAYS, Patience
from airflow_sparktune.dashboard.browse.rights import Rights
from airflow_sparktune.dashboard.browse.schemas import End, Reading
from airflow_sparktune.dashboard.browse.tasks import MOST_RECENT, TaskRows
from airflow_sparktune.dashboard.page import assets
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.replies import file_response
from airflow_sparktune.dashboard.page.schemas import Reply
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.record.entries import Entry

log = logging.getLogger(__name__)

Days = Annotated[int, Query(ge=1, le=100_000)]
Times = Annotated[int, Query(ge=1, le=100_000)]

# For the DAGs of a user, of which an auth manager may check one after the other.
_RIGHTS_S = 60.0
# For one DAG or one task.
_READ_S = 20.0
_AT_ONCE = 4


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


def add_browser(router: APIRouter, browser: Browser, *, rights: Callable[..., Any]) -> None:
    """Add the browser; `rights` is a dependency that returns the user's `Rights`."""

    @router.get("/")
    async def studies_page() -> HTMLResponse:
        return HTMLResponse(assets.page("studies.html"))

    @router.get("/studies")
    async def studies(
        found: Rights = Depends(rights),  # noqa: B008 - FastAPI's idiom
        old_days: Days = OLD_DAYS,
        kept: Times = KEPT,
    ) -> StreamingResponse:
        lines = await browser.lines(found, Patience(old_days=old_days, kept=kept))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


@dataclass(slots=True)
class _Task:
    key: TaskKey
    folders: list[TaskFolder]


@dataclass(slots=True)
class Browser:
    """Reads the rows of all tasks that a user may read, in `workers` of its own: other pages do not wait."""

    catalogue: Catalogue
    mask: Mask
    studies: StudyList
    workers: Workers = field(default_factory=partial(Workers, waiting=256))
    entries: dict[str, Entry] = field(default_factory=dict)
    most_entries: int = 10_000

    async def lines(self, rights: Rights, patience: Patience) -> AsyncIterator[str]:
        """Return the lines of the answer; raises Busy and the storage's errors before the first one."""
        dag_ids, rows = await self.workers.run(lambda: self._begin(rights, patience), deadline_s=_RIGHTS_S)
        return self._stream(dag_ids, rows)

    def _begin(self, rights: Rights, patience: Patience) -> tuple[list[str], TaskRows]:
        """Return the DAGs with studies that the user may read, from the rights and not from files."""
        if len(self.entries) > self.most_entries:
            self.entries.clear()
        dag_ids = sorted(rights.may_read(self.catalogue.dags(rights.dag_ids())))
        trouble = self.catalogue.trouble()
        problems = [] if trouble is None else [trouble]
        return dag_ids, TaskRows(self.mask, self.entries, patience, time.time(), problems)

    async def _stream(self, dag_ids: Iterable[str], rows: TaskRows) -> AsyncIterator[str]:
        """Yield the rows that are known, then those that must be read, then the end."""
        unread: list[_Task] = []
        left_out = 0
        known = (partial(self._known, dag_id, rows, unread) for dag_id in dag_ids)
        for reads in (known, (partial(self._read, task, rows) for task in unread)):
            if unread:
                yield _line(Reading(reading=len(unread)))
            async for found in self.workers.each(reads, at_once=_AT_ONCE, deadline_s=_READ_S):
                if isinstance(found, str):
                    yield found
                else:
                    log.warning("Some studies are not in the browser: %s", found, exc_info=found)
                    left_out += 1
        if left_out:
            rows.problems.append(
                f"{left_out} DAGs or tasks cannot be read now; the API server's log has the details."
            )
        yield _line(End(left_out=left_out, problems=rows.problems))

    def _known(self, dag_id: str, rows: TaskRows, unread: list[_Task]) -> str:
        """Return the lines of the tasks that need no journal; add the others to `unread`."""
        lines = ""
        for key, folders in self.catalogue.tasks(dag_id):
            found = self.studies.known(folders, newest=MOST_RECENT)
            if found.unread:
                unread.append(_Task(key, folders))
            else:
                lines += "".join(map(_line, rows.of(key, folders, found)))
        return lines

    def _read(self, task: _Task, rows: TaskRows) -> str:
        found = self.studies.of(task.folders, newest=MOST_RECENT)
        return "".join(map(_line, rows.of(task.key, task.folders, found)))


def _line(reply: Reply) -> str:
    return json.dumps(reply.model_dump(mode="python"), allow_nan=False, separators=(",", ":")) + "\n"
