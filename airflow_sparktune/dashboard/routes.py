"""What the page asks about a study or a task; who may ask is settled before, see `app`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from airflow_sparktune.dashboard.access import checked_place, checked_task
from airflow_sparktune.dashboard.page.history import History
from airflow_sparktune.dashboard.page.html_report import report
from airflow_sparktune.dashboard.page.importance import Importances
from airflow_sparktune.dashboard.page.masking import Mask
from airflow_sparktune.dashboard.page.schemas import Phase, StudyReply
from airflow_sparktune.dashboard.page.view import importance_reply, stream_of, study_reply, trial_reply
from airflow_sparktune.dashboard.place import Catalogue, Place
from airflow_sparktune.dashboard.shelf import Shelf
from airflow_sparktune.study.address import part

Task = Annotated[Place, Depends(checked_task)]
TaskInstance = Annotated[Place, Depends(checked_place)]


class StudyRoutes:
    """The answers; `shelf` holds the studies that are being looked at."""

    def __init__(self, catalogue: Catalogue, *, mask: Mask, shelf: Shelf) -> None:
        self._catalogue = catalogue
        self._mask = mask
        self._shelf = shelf
        self._importances = Importances()
        self._history = History(mask)

    def add_to(self, router: APIRouter) -> None:
        """Put the routes into the router of a DAG."""
        run = "/tasks/{task_id}/runs/{run_id}"
        router.get(f"{run}/study")(self.study)
        router.get(f"{run}/trials/{{number}}")(self.trial)
        router.get(f"{run}/importance")(self.importance)
        router.get(f"{run}/report")(self.report)
        router.get("/tasks/{task_id}/history")(self.history)

    def study(
        self, place: TaskInstance, after: int = 0, stream: str = "", generation: int | None = None
    ) -> Response:
        """The study, with the trials that changed after event `after` of `stream`."""
        title, found = self._catalogue.title(place), self._catalogue.generations(place)
        if not found:
            message = self._catalogue.trouble()
            return _json(StudyReply(phase=Phase.NONE, title=title, message=message, now=time.time()))
        chosen = next(iter(found)) if generation is None else generation
        with self._shelf.look(_address(found, chosen)) as follower:
            current = stream_of(follower)
            reply = study_reply(
                follower.study,
                stream=current,
                after=after if stream == current else 0,
                problems=follower.problems,
                now=time.time(),
                mask=self._mask,
                title=title,
                generation=chosen,
                generations=tuple(found),
            )
        return _json(reply)

    def trial(self, place: TaskInstance, number: int, generation: int) -> Response:
        """Everything about one trial."""
        with self._shelf.look(self._find(place, generation)) as follower:
            found = follower.study.trials.get(number)
        if found is None:
            raise HTTPException(404, f"this study has no trial {number}")
        return _json(trial_reply(found, mask=self._mask))

    def importance(self, place: TaskInstance, generation: int) -> Response:
        """How much each parameter matters."""
        address = self._find(place, generation)
        with self._shelf.look(address) as follower:
            dimensions, trials = follower.study.dimensions, tuple(follower.study.trials.values())
            name = f"{address} {stream_of(follower)}"
        return _json(importance_reply(self._importances.of(name, dimensions, trials)))

    def report(self, place: TaskInstance, generation: int) -> HTMLResponse:
        """The page as one file, to be kept."""
        title = self._catalogue.title(place)
        with self._shelf.look(self._find(place, generation)) as follower:
            text = report(follower.study, title=title, problems=follower.problems, mask=self._mask)
        name = f"tuning-{part(place.task_id)}-{part(place.run_id)}.html"
        return HTMLResponse(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def history(self, task: Task) -> Response:
        """What the task's runs came to."""
        return _json(self._history.of(self._catalogue, task))

    def _find(self, place: Place, generation: int) -> str:
        return _address(self._catalogue.generations(place), generation)


def _address(generations: Mapping[int, str], generation: int) -> str:
    if generation not in generations:
        raise HTTPException(404, f"this task instance has no study of generation {generation}")
    return generations[generation]


def _json(reply: BaseModel) -> Response:
    # Straight from pydantic: FastAPI's response_model would check 10,000 trials a second time.
    return Response(
        reply.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
