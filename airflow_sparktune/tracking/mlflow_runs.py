"""The MLflow runs of one study, found by their tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Tags for the study and the trial of a run. The parent run has no trial.
KEY, TRIAL = "sparktune.key", "sparktune.trial"
# Tags with hashes of the data sent: the trial's configuration, and the result of the trial or study.
POINT, RESULT = "sparktune.point", "sparktune.result"
PARENT = "mlflow.parentRunId"

# MLflow's limits: https://mlflow.org/docs/latest/rest-api.html
_PAGE = 1_000
_NAME_LENGTH, _PARAM_LENGTH, _TAG_LENGTH = 250, 6_000, 5_000
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sent:
    """The state of a run in MLflow."""

    run_id: str
    status: str
    parent: str | None = None
    point: str | None = None
    result: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Sent:
        """Return the state of a run."""
        tags = run.data.tags
        return cls(
            run.info.run_id,
            run.info.status,
            parent=tags.get(PARENT),
            point=tags.get(POINT),
            result=tags.get(RESULT),
            metrics=run.data.metrics,
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric; `at` is in seconds since 1970."""

    name: str
    value: float
    at: float
    step: int = 0


class StudyRuns:
    """Reads and writes the runs with the study's key; each method makes one request.

    A trial's run is identified by the trial's number, the parent run by None. Times are seconds since 1970.
    """

    def __init__(self, client: MlflowClient, *, experiment_id: str, key: str, study: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._tags = {KEY: key, "sparktune.study": study}
        self._sent: dict[int | None, Sent] = {}

    def find(self) -> None:
        """Read the existing runs, a thousand per request, and delete duplicates.

        Duplicates occur if the response to a creation was lost, or if two trackers ran at once.
        """
        found: dict[int | None, list[Run]] = {}
        token: str | None = None
        while token != "":
            page = self._client.search_runs(
                [self._experiment_id],
                f"tags.`{KEY}` = '{self._tags[KEY]}'",
                max_results=_PAGE,
                page_token=token,
            )
            for run in page:
                trial = run.data.tags.get(TRIAL)
                found.setdefault(None if trial is None else int(trial), []).append(run)
            token = page.token or ""
        self._sent = {}
        for number, runs in found.items():
            # All trackers keep the same one.
            kept, *others = sorted(runs, key=lambda run: (RESULT not in run.data.tags, run.info.run_id))
            self._sent[number] = Sent.of(kept)
            for run in others:
                self._client.delete_run(run.info.run_id)

    def get(self, number: int | None) -> Sent | None:
        """Return the state of a run, or None if it does not exist."""
        return self._sent.get(number)

    def sent(self, number: int | None) -> Sent:
        """Return the state of a run; raises KeyError if it does not exist."""
        return self._sent[number]

    def metric(self, number: int | None, name: str) -> float | None:
        """Return the last value of a metric of a run, or None."""
        return self._sent[number].metrics.get(_name(name))

    def create(
        self,
        number: int | None,
        *,
        name: str,
        start: float,
        tags: Mapping[str, str],
        point: str | None = None,
    ) -> None:
        """Create a run; a trial's run becomes a child of the parent run."""
        own = dict(self._tags)
        if number is not None:
            own |= {TRIAL: str(number), PARENT: self._sent[None].run_id}
        if point is not None:
            own[POINT] = point
        run = self._client.create_run(
            self._experiment_id,
            start_time=_milliseconds(start),
            tags={**_fitting(tags), **own},
            run_name=name,
        )
        self._sent[number] = Sent.of(run)

    def adopt(self, number: int) -> None:
        """Make a trial's run a child of the parent run that was kept."""
        sent, parent = self._sent[number], self._sent[None].run_id
        self._client.set_tag(sent.run_id, PARENT, parent)
        self._sent[number] = replace(sent, parent=parent)

    def log(
        self,
        number: int | None,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Sequence[Point] = (),
        tags: Mapping[str, str] | None = None,
        point: str | None = None,
        result: str | None = None,
    ) -> None:
        """Log the data in one request; `point` and `result` are the hashes of the data."""
        from mlflow.entities import Metric, Param, RunTag

        own = {key: value for key, value in ((POINT, point), (RESULT, result)) if value is not None}
        sent = self._sent[number]
        self._client.log_batch(
            sent.run_id,
            params=[Param(_name(key), value[:_PARAM_LENGTH]) for key, value in (params or {}).items()],
            metrics=[
                Metric(_name(each.name), each.value, _milliseconds(each.at), each.step) for each in metrics
            ],
            tags=[RunTag(key, value) for key, value in {**_fitting(tags or {}), **own}.items()],
        )
        self._sent[number] = replace(
            sent,
            point=point or sent.point,
            result=result or sent.result,
            metrics={**sent.metrics, **{_name(each.name): each.value for each in metrics}},
        )

    def log_page(self, number: int | None, page: str, file: str) -> None:
        """Store an HTML page as an artifact of the run."""
        self._client.log_text(self._sent[number].run_id, page, file)

    def set_status(self, number: int | None, status: str, *, end: float | None) -> None:
        """Set the status of a run if it differs; `end` is its end, None while it is running."""
        sent = self._sent[number]
        if sent.status == status:
            return
        if end is None:
            self._client.update_run(sent.run_id, status)
        else:
            self._client.set_terminated(sent.run_id, status, _milliseconds(end))
        self._sent[number] = replace(sent, status=status)

    def delete(self, number: int) -> None:
        """Delete the run of a trial."""
        self._client.delete_run(self._sent.pop(number).run_id)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name(key: str) -> str:
    return _NOT_IN_NAMES.sub("_", key)[:_NAME_LENGTH]


def _fitting(tags: Mapping[str, str]) -> dict[str, str]:
    return {_name(key): value[:_TAG_LENGTH] for key, value in tags.items()}
