"""The web application: GET only, every route behind the guard, the page's own files too."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from airflow_sparktune.dashboard import assets
from airflow_sparktune.dashboard.guard import checked_dag, checked_place, checked_task
from airflow_sparktune.dashboard.history import History
from airflow_sparktune.dashboard.importance import Importances
from airflow_sparktune.dashboard.masking import Mask, airflow_mask
from airflow_sparktune.dashboard.place import Catalogue, Place
from airflow_sparktune.dashboard.report import report
from airflow_sparktune.dashboard.schemas import Phase, StudyReply
from airflow_sparktune.dashboard.shelf import Shelf
from airflow_sparktune.dashboard.view import epoch_of, importance_reply, study_reply, trial_reply
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import part

log = logging.getLogger(__name__)

TaskInstance = Annotated[Place, Depends(checked_place)]

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
    _add_study(router, catalogue, mask or airflow_mask(), Shelf() if shelf is None else shelf)
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


def _add_study(router: APIRouter, catalogue: Catalogue, mask: Mask, shelf: Shelf) -> None:
    importances, past = Importances(), History(mask)
    prefix = "/tasks/{task_id}/runs/{run_id}"

    @router.get(f"{prefix}/study")
    def study(
        place: TaskInstance, after: int = 0, epoch: str = "", generation: int | None = None
    ) -> Response:
        title, found = catalogue.title(place), catalogue.generations(place)
        if not found:
            message = catalogue.trouble()
            return _json(StudyReply(phase=Phase.NONE, title=title, message=message, now=time.time()))
        chosen = next(iter(found)) if generation is None else generation
        with shelf.look(_address(found, chosen)) as follower:
            current = epoch_of(follower)
            reply = study_reply(
                follower.study,
                epoch=current,
                since=after if epoch == current else 0,
                problems=follower.problems,
                now=time.time(),
                mask=mask,
                title=title,
                generation=chosen,
                generations=tuple(found),
            )
        return _json(reply)

    @router.get(f"{prefix}/trials/{{number}}")
    def trial(place: TaskInstance, number: int, generation: int) -> Response:
        with shelf.look(_address(catalogue.generations(place), generation)) as follower:
            found = follower.study.trials.get(number)
        if found is None:
            raise HTTPException(404, f"this study has no trial {number}")
        return _json(trial_reply(found, mask=mask))

    @router.get(f"{prefix}/importance")
    def importance(place: TaskInstance, generation: int) -> Response:
        address = _address(catalogue.generations(place), generation)
        with shelf.look(address) as follower:
            dimensions, trials = follower.study.dimensions, tuple(follower.study.trials.values())
            name = f"{address} {epoch_of(follower)}"
        return _json(importance_reply(importances.of(name, dimensions, trials)))

    @router.get(f"{prefix}/report")
    def download(place: TaskInstance, generation: int) -> HTMLResponse:
        with shelf.look(_address(catalogue.generations(place), generation)) as follower:
            text = report(follower.study, title=catalogue.title(place), problems=follower.problems, mask=mask)
        name = f"tuning-{part(place.task_id)}-{part(place.run_id)}.html"
        return HTMLResponse(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    @router.get("/tasks/{task_id}/history")
    def history(task: Annotated[Place, Depends(checked_task)]) -> Response:
        return _json(past.of(catalogue, task))


def _address(generations: Any, generation: int) -> str:
    if generation not in generations:
        raise HTTPException(404, f"this task instance has no study of generation {generation}")
    return str(generations[generation])


def _json(reply: Any) -> Response:
    # Straight from pydantic: FastAPI's response_model would check 10,000 trials a second time.
    return Response(
        reply.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"}
    )


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
