"""The web application: GET only, every route behind the guard, the page's own files too."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from airflow_sparktune.dashboard.access import checked_dag, checked_place, checked_task
from airflow_sparktune.dashboard.page import assets
from airflow_sparktune.dashboard.page.masking import Mask, airflow_mask
from airflow_sparktune.dashboard.place import Catalogue
from airflow_sparktune.dashboard.routes import StudyRoutes
from airflow_sparktune.dashboard.shelf import Shelf
from airflow_sparktune.errors import StorageError

log = logging.getLogger(__name__)

# The page runs its own scripts only; plotly sets styles from its script.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(
    catalogue: Catalogue, *, guard: Callable[..., Any], mask: Mask | None = None, shelf: Shelf | None = None
) -> FastAPI:
    """The page's application; `guard` is a FastAPI dependency that raises for whoever may not look."""
    app = FastAPI(title="Sparktune", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(StorageError, _unreadable)
    app.add_exception_handler(OSError, _unreadable)
    # The guard comes first: who may not look learns nothing about which ids are well-formed.
    router = APIRouter(prefix="/dags/{dag_id}", dependencies=[Depends(guard), Depends(checked_dag)])
    _add_pages(router)
    shelf = Shelf() if shelf is None else shelf
    StudyRoutes(catalogue, mask=mask or airflow_mask(), shelf=shelf).add_to(router)
    app.include_router(router)
    return app


def _add_pages(router: APIRouter) -> None:
    @router.get("/static/{name}")
    def static(name: str) -> FileResponse:
        path = assets.files().get(name)
        if path is None:
            raise HTTPException(404, "no such file")
        # plotly's address carries its version; the page's own files are small.
        age = "private, max-age=604800" if name == assets.PLOTLY else "no-cache"
        return FileResponse(path, media_type=assets.media_type(path), headers={"Cache-Control": age})

    @router.get("/tasks/{task_id}/", dependencies=[Depends(checked_task)])
    def history_page() -> HTMLResponse:
        return HTMLResponse(assets.page("history.html"))

    @router.get("/tasks/{task_id}/runs/{run_id}/", dependencies=[Depends(checked_place)])
    def study_page() -> HTMLResponse:
        return HTMLResponse(assets.page("study.html"))


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


async def _unreadable(request: Request, error: Exception) -> Response:
    log.warning("The study of %s cannot be read: %s", request.url.path, error)
    return Response(
        '{"detail": "The study\'s storage cannot be read just now; the API server\'s log says why."}',
        status_code=503,
        media_type="application/json",
    )
