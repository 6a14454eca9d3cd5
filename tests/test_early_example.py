"""The example `retune_early`: Airflow loads it, and its objective reports each epoch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from airflow_sparktune.executor.evaluate import Call, run
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reports.report import Answer, Report
from airflow_sparktune.executor.reports.reporting import ReportingObjective
from airflow_sparktune.study.trial import TrialState

DAGS = Path(__file__).parents[1] / "dags"
POINT = {"batch_size": 128, "learning_rate": 0.1, "momentum": 0.5}


class Driver:
    """Stops a trial at its third epoch, or never."""

    def __init__(self, *, stops: bool) -> None:
        self.losses: list[float] = []
        self._stops = stops

    def answer(self, report: Report) -> Answer:
        self.losses.append(report.loss)
        return Answer.STOP if self._stops and report.step == 3 else Answer.CONTINUE


@pytest.fixture(autouse=True)
def beside_the_dags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DAGS))
    monkeypatch.delitem(sys.modules, "digits", raising=False)


@pytest.mark.parametrize("stops", [False, True])
def test_its_objective_reports_each_epoch(stops: bool) -> None:
    driver = Driver(stops=stops)
    task = ReportingObjective(ImportedObjective("digits:loss_by_epoch", {}), driver)
    reply, _ = run(task, Call(POINT, TrialContext(0, seed=1, attempt=1, tries=1)))
    assert reply.failure is None
    if stops:
        assert (reply.state, len(driver.losses)) == (TrialState.PRUNED, 3)
    else:
        assert (reply.loss, len(driver.losses)) == (driver.losses[-1], 30)
        assert driver.losses[-1] < driver.losses[0] / 2


def test_airflow_loads_it() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(DAGS / "retune_early.py"))
    assert bag.import_errors == {}
    assert bag.dags["retune_early"].get_task("tune").pruner == "worst"
