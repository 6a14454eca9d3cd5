"""The MLflow tracker: a parent run for the study, and a child run for each trial.

A trial takes three requests: create its run, log its result, end it.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.files.airflow_task import AirflowTask
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from airflow_sparktune.tracking import values
from airflow_sparktune.tracking.follow import error_line
from airflow_sparktune.tracking.mlflow_runs import PARENT, Point, StudyRuns
from airflow_sparktune.tracking.server_address import server_variables

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

REPORT = "report.html"

# MLflow has no state for pruned runs; its own integrations use KILLED too.
_STATUS: Mapping[TrialState, str] = {
    TrialState.RUNNING: "RUNNING",
    TrialState.OK: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.PRUNED: "KILLED",
    TrialState.CANCELLED: "KILLED",
}

# MLflow takes up to 1,000 values, params and tags in a request. A trial's curve is sent with its result in
# one request, so that each point is there once, however often the trial or the tracker starts anew.
_MOST_REPORTS = 700

# MLflow's error codes for data that it will never accept. Other errors may be temporary.
_REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")

# For a process that does nothing else. The client's own retries are off, because they could create a run
# twice: the tracker itself retries from the server's current state. Nothing is printed or sent to third
# parties.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def connect() -> MlflowClient:
    """Return a client for the server in MLFLOW_TRACKING_URI; raises PlatformError.

    Configures MLflow for the whole process through environment variables.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI")
    if not address:
        raise PlatformError(
            "MLFLOW_TRACKING_URI must be the address of the tracking server, but is unset; set it (such as "
            "http://mlflow:5000), or set the operator's `tracking` to an Airflow connection"
        )
    os.environ.update(server_variables(address))
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError:
        raise PlatformError(
            "tracking='mlflow' needs MLflow's client, which is not installed; "
            "pip install 'airflow-sparktune[mlflow]'"
        ) from None
    return MlflowClient()


class MlflowTracker:
    """Mirrors one study into an experiment.

    `report` returns the study's page as HTML, which becomes an artifact of the parent run. `note` returns a
    person's note about the study, which becomes part of the parent run's description. By default, the
    experiment is named after the task, or after the objective if no task has started the study. `segment` is
    the name of the study's segment and the id of its application's run, which is above the parent run.
    """

    def __init__(
        self,
        client: MlflowClient,
        *,
        address: str,
        task: AirflowTask | None,
        report: Callable[[Study], str],
        note: Callable[[], str | None] = lambda: None,
        experiment: str | None = None,
        segment: tuple[str, str] | None = None,
    ) -> None:
        self._client = client
        self._address = address
        self._task = task
        self._report = report
        self._note = note
        self._experiment = experiment
        self._segment = segment
        self._runs: StudyRuns | None = None
        self._study: Study | None = None
        self._seen = 0
        self._refused: set[int] = set()

    def mirror(self, study: Study) -> None:
        """Send the changes of the study; raises the errors of MLflow's client."""
        if not study.attempts:
            return
        if study is not self._study:  # a newer attempt: results of an older one may no longer count
            self._study, self._seen, self._runs = study, 0, None
        if self._seen == study.changes:
            return
        changes = study.changes
        try:
            self._mirror(study)
        except Exception:
            # The request may have succeeded although its response was lost, so read the server's state first.
            self._runs, self._seen = None, 0
            raise
        self._seen = changes

    def _mirror(self, study: Study) -> None:
        runs = self._runs
        if runs is None or study.closed is not None:
            runs = self._runs = self._find(study)
        self._begin(study, runs)
        for number, trial in sorted(study.trials.items()):
            if study.changed[number] > self._seen or study.closed is not None:
                self._mirror_trial(trial, study, runs)
        self._log_improvements(study, runs)
        if study.closed is not None:
            self._end(study, runs)

    def _find(self, study: Study) -> StudyRuns:
        name = self._experiment or experiment_name(study.spec, self._task)
        runs = StudyRuns(
            self._client,
            experiment_id=experiment_id(self._client, name),
            key=values.study_key(study),
            study=self._address,
        )
        runs.find()
        return runs

    def _begin(self, study: Study, runs: StudyRuns) -> None:
        if runs.get(None) is None:
            name, tags = run_name(self._task, self._address), self._task_tags()
            if self._segment is not None:
                name, tags[PARENT] = self._segment
            runs.create(None, name=name, start=study.attempts[0].opened, tags=tags)
        if runs.sent(None).point is None:
            settings = values.settings(study)
            tags = {"mlflow.source.name": settings.get("objective", "")}
            tags |= self._description(None)
            runs.log(None, params=settings, tags=tags, point=values.digest(settings))
        if study.closed is None:  # it may have been closed before a later attempt continued it
            runs.set_status(None, "RUNNING", end=None)

    def _mirror_trial(self, trial: Trial, study: Study, runs: StudyRuns) -> None:
        if trial.number in self._refused:
            return
        try:
            self._send_trial(trial, study, runs)
        except Exception as error:
            if getattr(error, "error_code", None) not in _REFUSALS:
                raise
            self._refused.add(trial.number)
            log.warning(
                "MLflow rejects trial %d, which is left out there: %s", trial.number, error_line(error)
            )

    def _send_trial(self, trial: Trial, study: Study, runs: StudyRuns) -> None:
        number = trial.number
        point = values.digest(dict(trial.point))
        result = None if trial.state is TrialState.RUNNING else values.result_digest(trial)
        sent = runs.get(number)
        if sent is not None and (sent.point != point or sent.result not in (None, result)):
            # The run has a result of an older driver that no later attempt took over.
            runs.delete(number)
            sent = None
        if sent is None:
            start = trial.start if trial.start is not None else study.attempts[-1].opened
            name = trial.title
            runs.create(number, name=name, start=start, tags=self._task_tags(), point=point)
        elif sent.parent != runs.sent(None).run_id:
            runs.adopt(number)
        if result is not None and (sent is None or sent.result is None):
            at = trial.end or study.attempts[-1].last
            metrics = [Point(name, value, at) for name, value in values.metrics(trial, study.metric).items()]
            if number in study.curves:
                found = values.reports(study.curves[number], study.metric, most=_MOST_REPORTS)
                metrics += [Point(name, value, at, step) for name, value, step in found]
            tags = {f"sparktune.{name}": value for name, value in values.facts(trial).items()}
            runs.log(number, params=values.params(trial), metrics=metrics, tags=tags, result=result)
        if result is None and study.closed is not None:  # its driver has ended
            runs.set_status(number, "KILLED", end=study.closed.at)
        else:
            runs.set_status(number, _STATUS[trial.state], end=trial.end)

    def _log_improvements(self, study: Study, runs: StudyRuns) -> None:
        metric = study.metric
        name = f"{metric.extreme}_{metric.name}"
        sent = runs.metric(None, name)
        lowest = math.inf if sent is None else metric.loss(sent)
        points = [
            Point(name, metric.shown(trial.loss), trial.end or study.attempts[-1].last, step=count)
            for count, trial in values.improvements(study)
            if trial.loss is not None and trial.loss < lowest
        ]
        if points:
            runs.log(None, metrics=points)

    def _end(self, study: Study, runs: StudyRuns) -> None:
        closed = study.closed
        note = self._note()
        noted = [note] if note else []
        result = values.digest([closed.reason.value, closed.at, study.finished, *noted]) if closed else None
        if closed is None or runs.sent(None).result == result:
            return
        runs.log(
            None,
            metrics=[Point(name, value, closed.at) for name, value in values.totals(study).items()],
            tags={f"sparktune.{name}": value for name, value in values.outcome(study).items()}
            | self._description(note),
        )
        killed = closed.reason is StopReason.KILLED
        failed = closed.error is not None or closed.reason is StopReason.ERROR
        runs.set_status(None, "KILLED" if killed else "FAILED" if failed else "FINISHED", end=closed.at)
        # Last, because artifacts are in a separate store, which may be out of reach.
        runs.log_page(None, self._report(study), REPORT)
        runs.log(None, result=result)

    def _description(self, note: str | None) -> dict[str, str]:
        """Return the tag of a run's description in MLflow, which is Markdown."""
        link = f"[This task in Airflow]({self._task.url})" if self._task and self._task.url else None
        parts = [part for part in (link, note) if part]
        return {"mlflow.note.content": "\n\n".join(parts)} if parts else {}

    def _task_tags(self) -> dict[str, str]:
        if self._task is None:
            return {}
        return {f"airflow.{name}": str(value) for name, value in asdict(self._task).items() if value}


def experiment_id(client: MlflowClient, name: str) -> str:
    """Return the id of an experiment, which is created if there is none of that name."""
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found is not None else client.create_experiment(name)


def run_name(task: AirflowTask | None, address: str) -> str:
    """Return the name of the run of a study or an application: that of the task's run, else of the folder."""
    return task.run if task else address.rstrip("/").rpartition("/")[2]


def experiment_name(spec: Spec | None, task: AirflowTask | None) -> str:
    """Return the name of the experiment of a study: its task, or its objective if no task has started it."""
    if task is not None:
        return task.name
    return spec.objective if spec is not None else "sparktune"
