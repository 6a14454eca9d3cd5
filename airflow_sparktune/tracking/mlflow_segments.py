"""The segments of an application in MLflow: a run for it, and under that the parent run of each segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow_sparktune.study.study import Study
from airflow_sparktune.tracking.mlflow import MlflowTracker, experiment_id
from airflow_sparktune.tracking.mlflow_runs import StudyRuns
from airflow_sparktune.tracking.values import digest

if TYPE_CHECKING:
    from mlflow import MlflowClient


class SegmentsTracker:
    """Mirrors the studies of an application's segments into one experiment.

    `tracker` returns the tracker of a segment, by its name and the id of the application's run. `total` is
    the number of all segments, of which some may not have begun.
    """

    def __init__(
        self,
        client: MlflowClient,
        *,
        address: str,
        experiment: str,
        name: str,
        total: int,
        tracker: Callable[[str, str], MlflowTracker],
    ) -> None:
        self._client = client
        self._address = address
        self._experiment = experiment
        self._name = name
        self._total = total
        self._tracker = tracker
        self._trackers: dict[str, MlflowTracker] = {}
        self._runs: StudyRuns | None = None

    def mirror(self, studies: Mapping[str, Study]) -> None:
        """Send the changes of the studies, by their segments; raises the errors of MLflow's client."""
        if not studies:
            return
        try:
            self._mirror(studies)
        except Exception:
            self._runs = None  # the server's state is read again, as in MlflowTracker
            raise

    def _mirror(self, studies: Mapping[str, Study]) -> None:
        runs = self._runs
        if runs is None:
            found = experiment_id(self._client, self._experiment)
            key = digest(["application", self._address])
            runs = StudyRuns(self._client, experiment_id=found, key=key, study=self._address)
            runs.find()
            if runs.get(None) is None:
                start = min(study.attempts[0].opened for study in studies.values())
                runs.create(None, name=self._name, start=start, tags={})
            self._runs = runs
        run_id = runs.sent(None).run_id
        for name, study in studies.items():
            if name not in self._trackers:
                self._trackers[name] = self._tracker(name, run_id)
            self._trackers[name].mirror(study)
        self._set_status(runs, studies)

    def _set_status(self, runs: StudyRuns, studies: Mapping[str, Study]) -> None:
        ends = [study.closed.at for study in studies.values() if study.closed is not None]
        if len(ends) < self._total:
            runs.set_status(None, "RUNNING", end=None)
        else:
            good = all(study.result_stands for study in studies.values())
            runs.set_status(None, "FINISHED" if good else "FAILED", end=max(ends))
