"""Stands in for MLflow's client and server: in memory, counts every request, injects faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace as Namespace
from typing import Any


class Refusal(Exception):
    """MLflow's response to data that it rejects."""

    error_code = "INVALID_PARAMETER_VALUE"


class Page(list[Any]):
    token = ""


class FakeMlflow:
    """The used methods of MlflowClient; `fault(method)` may raise before, `lost(method)` after an action."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, Any] = {}
        self.requests: list[str] = []
        self.pages: dict[str, str] = {}
        self.points: list[tuple[str, str, float, int]] = []  # each value of a metric that was sent
        self.fault: Callable[[str], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None

    def get_experiment_by_name(self, name: str) -> Any:
        self._request("get_experiment")
        found = self.experiments.get(name)
        return Namespace(experiment_id=found) if found else None

    def create_experiment(self, name: str) -> str:
        self._request("create_experiment")
        return self.experiments.setdefault(name, str(len(self.experiments) + 1))

    def search_runs(
        self, ids: Sequence[str], filter_string: str, *, max_results: int, page_token: str | None
    ) -> Page:
        self._request("search")
        key = filter_string.split("'")[1]
        found = [run for run in self.live() if run.data.tags["sparktune.key"] == key]
        start = int(page_token or 0)
        page = Page(found[start : start + max_results])
        page.token = str(start + max_results) if len(found) > start + max_results else ""
        return page

    def create_run(self, experiment_id: str, start_time: int, tags: dict[str, str], run_name: str) -> Any:
        self._request("create")
        run_id = f"run{len(self.runs):06d}"
        info = Namespace(
            run_id=run_id,
            status="RUNNING",
            name=run_name,
            start_time=start_time,
            end_time=None,
            deleted=False,
        )
        data = Namespace(tags=dict(tags), params={}, metrics={})
        self.runs[run_id] = Namespace(info=info, data=data)
        self.lost("create")
        return self.runs[run_id]

    def log_batch(
        self, run_id: str, metrics: Sequence[Any] = (), params: Sequence[Any] = (), tags: Sequence[Any] = ()
    ) -> None:
        self._request("log")
        data = self.runs[run_id].data
        for each in params:
            if data.params.setdefault(each.key, each.value) != each.value:
                raise Refusal(f"param {each.key} cannot change")
        for each in tags:
            data.tags[each.key] = each.value
        for each in metrics:
            data.metrics[each.key] = each.value
            self.points.append((run_id, each.key, each.value, each.step))

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._request("set_tag")
        self.runs[run_id].data.tags[key] = value

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self._request("end")
        info = self.runs[run_id].info
        info.status, info.end_time = status, end_time

    def update_run(self, run_id: str, status: str) -> None:
        self._request("update")
        self.runs[run_id].info.status = status

    def delete_run(self, run_id: str) -> None:
        self._request("delete")
        self.runs[run_id].info.deleted = True

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        self._request("artifact")
        self.pages[f"{run_id}/{artifact_file}"] = text

    def live(self) -> list[Any]:
        return [run for run in self.runs.values() if not run.info.deleted]

    @property
    def parent(self) -> Any:
        """Return the only parent run."""
        (found,) = (run for run in self.live() if "sparktune.trial" not in run.data.tags)
        return found

    @property
    def children(self) -> dict[int, Any]:
        """Return the runs of trials by number; checks that each exists once, below the parent run."""
        found = [run for run in self.live() if "sparktune.trial" in run.data.tags]
        numbered = {int(run.data.tags["sparktune.trial"]): run for run in found}
        assert len(numbered) == len(found)
        assert {run.data.tags["mlflow.parentRunId"] for run in found} <= {self.parent.info.run_id}
        return numbered

    def _request(self, verb: str) -> None:
        self.requests.append(verb)
        self.fault(verb)
