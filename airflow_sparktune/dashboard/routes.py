"""The routes by which the page reads a study or the history of a task; `app` checks access first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from airflow_sparktune.dashboard.access import Segment, Task, TaskInstance, checked_runs, study_at
from airflow_sparktune.dashboard.page.history import RunHistory
from airflow_sparktune.dashboard.page.html_report import report
from airflow_sparktune.dashboard.page.importance import Importances
from airflow_sparktune.dashboard.page.masking import Mask, study_mask
from airflow_sparktune.dashboard.page.points import named_dimensions
from airflow_sparktune.dashboard.page.replies import json_response, packed
from airflow_sparktune.dashboard.page.schemas import OutputReply, StudyReply
from airflow_sparktune.dashboard.page.view import (
    importance_reply,
    reading_reply,
    stream_of,
    study_reply,
    trial_reply,
)
from airflow_sparktune.dashboard.segments.routes import is_application
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.study_list import StudyList
from airflow_sparktune.dashboard.task_key import Catalogue, TaskKey
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.study.address import part
from airflow_sparktune.study.ends import shortened
from airflow_sparktune.study.journal.output import read_output
from airflow_sparktune.study.journal.problems import INVALID
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

log = logging.getLogger(__name__)

Runs = Annotated[tuple[str, ...], Depends(checked_runs)]
TaskState = Annotated[str | None, Query(max_length=40)]
TaskSince = Annotated[float | None, Query(ge=0)]

# For requests that compute, too: the first importance imports optuna.
_LONG_S = 90.0
_NO_STUDY = "This is an application; each of its segments has a study."


class StudyRoutes:
    """The routes; `cache` holds the studies that pages show."""

    def __init__(
        self, catalogue: Catalogue, *, mask: Mask, cache: StudyCache, studies: StudyList, workers: Workers
    ) -> None:
        self._catalogue = catalogue
        self._mask = mask
        self._cache = cache
        self._workers = workers
        self._importances = Importances()
        self._history = RunHistory(studies, mask)

    def add_to(self, router: APIRouter) -> None:
        """Add the routes to the router of a DAG."""
        run = "/tasks/{task_id}/runs/{run_id}"
        router.get(f"{run}/study")(self.study)
        router.get(f"{run}/trials/{{number}}")(self.trial)
        router.get(f"{run}/trials/{{number}}/output")(self.output)
        router.get(f"{run}/importance")(self.importance)
        router.get(f"{run}/report")(self.report)
        router.get("/tasks/{task_id}/history")(self.history)
        router.get("/tasks/{task_id}/champions")(self.champions)

    async def study(
        self,
        request: Request,
        key: TaskInstance,
        after: int = 0,
        stream: str = "",
        generation: int | None = None,
        task_state: TaskState = None,
        task_since: TaskSince = None,
    ) -> Response:
        """Return the study, with the trials that changed after event `after` of `stream`."""

        def read() -> Response:
            title, found = self._catalogue.title(key), self._catalogue.generations(key)
            if not found:
                message, tuning = self._catalogue.trouble(), self._others(key)
                nothing = StudyReply(
                    phase="none", title=title, message=message, tuning=tuning, now=time.time()
                )
                return json_response(nothing, request)
            chosen = next(iter(found)) if generation is None else generation
            address = study_at(found, chosen)
            with self._cache.look(address, whole=False) as follower:
                if not follower.study.attempts and is_application(address):
                    segmented = StudyReply(
                        phase="none", application=True, title=title, message=_NO_STUDY, now=time.time()
                    )
                    return json_response(segmented, request)
                if follower.behind:
                    return json_response(reading_reply(follower.study, title=title, now=time.time()), request)
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
                    task_state=task_state,
                    # A task's next try goes on with its newest study.
                    task_since=task_since if chosen == next(iter(found)) else None,
                )
            return json_response(reply, request)

        return await self._answer(read, request)

    async def trial(self, request: Request, key: TaskInstance, number: int, generation: int) -> Response:
        """Return the details of one trial."""

        def read() -> Response:
            with self._cache.look(study_at(self._catalogue.generations(key), generation)) as follower:
                study = follower.study
                trial, mask = _trial(study, number), study_mask(self._mask, study)
                curve = study.curves.get(number)
                reply = trial_reply(trial, named_dimensions(study, mask), mask=mask, curve=curve)
            return json_response(reply, request)

        return await self._answer(read, request)

    async def output(self, request: Request, key: TaskInstance, number: int, generation: int) -> Response:
        """Return the output of a trial."""

        def read() -> Response:
            address = study_at(self._catalogue.generations(key), generation)
            with self._cache.look(address) as follower:
                trial = _trial(follower.study, number)
                mask = study_mask(self._mask, follower.study)
            text = read_output(open_storage(address), attempt=trial.attempt, number=number)
            shown = None if text is None else shortened(text)
            return json_response(OutputReply(text=mask(shown)), request)

        return await self._answer(read, request)

    async def importance(self, request: Request, key: TaskInstance, generation: int) -> Response:
        """Return the importance of each parameter."""

        def read() -> Response:
            address = study_at(self._catalogue.generations(key), generation)
            with self._cache.look(address) as follower:
                study, trials = follower.study, tuple(follower.study.searched)
                dimensions, named = study.dimensions, named_dimensions(study, study_mask(self._mask, study))
                name = f"{address} {stream_of(follower)}"
            shares = self._importances.of(name, dimensions, trials)
            return json_response(importance_reply(shares, named), request)

        return await self._answer(read, request, deadline_s=_LONG_S)

    async def report(self, request: Request, key: TaskInstance, generation: int) -> Response:
        """Return the page as one self-contained file."""

        def read() -> Response:
            title = self._catalogue.title(key)
            with self._cache.look(study_at(self._catalogue.generations(key), generation)) as follower:
                text = report(follower.study, title=title, problems=follower.problems, mask=self._mask)
            names = [key.task_id, key.run_id, *filter(None, [key.segment])]
            name = f"tuning-{'-'.join(map(part, names))}.html"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return packed(text.encode(), request, media_type="text/html; charset=utf-8", headers=headers)

        return await self._answer(read, request, deadline_s=_LONG_S)

    async def history(self, request: Request, task: Task, runs: Runs) -> Response:
        """Return the results of the task's runs; `run` has the run ids that the page knows."""
        return await self._answer(
            lambda: json_response(self._history.of(self._catalogue, task, run_ids=runs), request), request
        )

    async def champions(self, request: Request, task: Task, segment: Segment = None) -> Response:
        """Return the record of champions of one segment."""

        def read() -> Response:
            found = self._history.champions(self._catalogue, task, segment)
            if found is None:
                raise HTTPException(404, "This task has no record of champions.")
            return json_response(found, request)

        return await self._answer(read, request)

    async def _answer(
        self, read: Callable[[], Response], request: Request, *, deadline_s: float | None = None
    ) -> Response:
        try:
            return await self._workers.run(read, deadline_s=deadline_s)
        except INVALID:
            log.exception("The study of %s cannot be shown", request.url.path)
            raise HTTPException(
                422, "This study's journal is invalid; the API server's log has the details."
            ) from None

    def _others(self, key: TaskKey) -> list[str]:
        """Return the tuning tasks of the DAG, unless this is one of them; rights are those of a whole DAG."""
        found = self._catalogue.task_ids(key.dag_id)
        return [] if part(key.task_id) in found else found


def _trial(study: Study, number: int) -> Trial:
    trial = study.trials.get(number)
    if trial is None:
        raise HTTPException(404, f"this study has no trial {number}")
    return trial
