"""The web application; every route is behind the guard, including the page's own files."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from airflow_sparktune.dashboard.access import TaskInstance, checked_dag, checked_task
from airflow_sparktune.dashboard.browse.routes import Browser, add_browser, add_comparison, add_files
from airflow_sparktune.dashboard.changes import add_changes
from airflow_sparktune.dashboard.login import Login
from airflow_sparktune.dashboard.notes import add_notes
from airflow_sparktune.dashboard.page import assets
from airflow_sparktune.dashboard.page.masking import Mask, airflow_mask
from airflow_sparktune.dashboard.routes import StudyRoutes
from airflow_sparktune.dashboard.segments.routes import add_segments, application_at
from airflow_sparktune.dashboard.segments.table import SegmentTable
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.dashboard.task_key import Catalogue
from airflow_sparktune.dashboard.workers import Busy, Workers
from airflow_sparktune.errors import StorageError

log = logging.getLogger(__name__)

# The page may run its own scripts only.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_RETRY_AFTER_S = 5


def create_app(
    catalogue: Catalogue,
    *,
    guard: Callable[..., Any],
    editor: Callable[..., Any],
    rights: Callable[..., Any] | None = None,
    mask: Mask | None = None,
    cache: StudyCache | None = None,
    workers: Workers | None = None,
    login: Login | None = None,
) -> FastAPI:
    """Return the page's application.

    `guard` is a FastAPI dependency that raises for users who may not see the DAG's task instances. `editor`
    is one that returns the name of a user who may change them, and raises for others. `rights` is one that
    returns the `Rights` of a user who has logged in, and raises for others; without it, there is no browser
    of studies. `login` is the application's own login; in Airflow there is none, because users have logged in
    there.
    """
    app = FastAPI(title="Sparktune", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    if login is not None:
        app.middleware("http")(login)
    app.middleware("http")(_with_headers)  # added last, so that the login's responses have them too
    app.add_exception_handler(Busy, _unavailable)
    app.add_exception_handler(StorageError, _unavailable)
    app.add_exception_handler(OSError, _unavailable)
    # The guard comes first: a user without access learns nothing about which ids are well-formed.
    router = APIRouter(prefix="/dags/{dag_id}", dependencies=[Depends(guard), Depends(checked_dag)])
    workers = Workers() if workers is None else workers
    _add_pages(router, catalogue, workers, change_token=login.change if login is not None else None)
    cache = StudyCache() if cache is None else cache
    add_changes(router, catalogue, editor=editor, cache=cache, workers=workers)
    mask = mask or airflow_mask()
    add_notes(router, catalogue, editor=editor, mask=mask, cache=cache, workers=workers)
    studies = StudyList()
    add_segments(router, catalogue, SegmentTable(mask, StudyList(), pause_s=cache.pause_s), workers)
    StudyRoutes(catalogue, mask=mask, cache=cache, studies=studies, workers=workers).add_to(router)
    app.include_router(router)
    above = APIRouter(dependencies=[] if rights is None else [Depends(rights)])
    add_comparison(above, workers)
    if rights is not None:
        add_browser(above, Browser(catalogue, mask, studies), rights=rights)
    app.include_router(above)
    return app


def _add_pages(
    router: APIRouter, catalogue: Catalogue, workers: Workers, *, change_token: str | None
) -> None:
    add_files(router, workers)

    @router.get("/tasks/{task_id}/", dependencies=[Depends(checked_task)])
    async def history_page() -> HTMLResponse:
        return HTMLResponse(assets.page("history.html", change_token=change_token))

    @router.get("/tasks/{task_id}/runs/{run_id}/")
    async def study_page(key: TaskInstance, generation: int | None = None) -> HTMLResponse:
        name = "study.html"  # it asks again while the storage does not respond
        with suppress(Busy, StorageError, OSError):
            if await workers.run(lambda: application_at(catalogue, key, generation)) is not None:
                name = "segments.html"
        return HTMLResponse(assets.page(name, change_token=change_token))


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("The study of %s cannot be read: %s", request.url.path, error)
    return JSONResponse(
        {"detail": _detail(error)}, status_code=503, headers={"Retry-After": str(_RETRY_AFTER_S)}
    )


def _detail(error: Exception) -> str:
    """Describe an error without paths, because viewers of a DAG need not know the server's folders."""
    if isinstance(error, Busy):
        return f"The study cannot be read at the moment: {error}. The page tries again."
    if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
        return (
            "The API server's user may not read this study's folder. Give it the right to read the folder; "
            "the API server's log names the path."
        )
    return "The study's storage does not respond. The page tries again; the API server's log has the details."
