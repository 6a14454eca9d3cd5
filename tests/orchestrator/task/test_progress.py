"""The progress value in the task's state store."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.orchestrator.links import SparkUiLink, spark_ui
from airflow_sparktune.orchestrator.task import progress as module
from airflow_sparktune.orchestrator.task.progress import KEY, progress
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Closed, Opened, SparkStarted
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.study import Study
from tests.orchestrator.conftest import Store
from tests.study.journal_samples import opened, trial, write


class Refusing(Store):
    """A store whose API server does not answer while the study runs."""

    def set(self, key: str, value: Any, **more: Any) -> None:
        if key == KEY:
            raise ConnectionError("no API server")
        super().set(key, value, **more)


def test_a_task_shows_its_progress(operator, run, spark_submit) -> None:
    """The last value has the end of the study, as small JSON."""
    spark_submit("works")
    store = Store()
    run(operator(), store=store)
    assert store.values[KEY] == {
        "done": "3/3",
        "failed": 0,
        "best_loss": 0.0,
        "best_params": {"x": 0},
        "attempt": 1,
        "ended": "reached max_evals (3)",
    }


def test_a_failing_store_does_not_affect_the_study(operator, run, spark_submit, monkeypatch, caplog) -> None:
    """The failure is logged once, and the task continues."""
    monkeypatch.setattr("airflow_sparktune.orchestrator.task.study_run.PERIOD_S", 0.01)
    spark_submit("works")
    best, _ = run(operator(), store=Refusing())
    assert best == {"x": 0}
    assert caplog.text.count("can no longer be shown in Airflow") == 1


def test_a_storage_that_briefly_does_not_respond(tmp_path, monkeypatch) -> None:
    """The next poll reads the study."""
    write(LocalStorage(tmp_path), 1, [opened(), trial(0, 0.5)])
    answers = iter([StorageUnavailable("503"), None])
    refresh = StudyFollower.refresh

    def passing(follower: StudyFollower) -> None:
        if (error := next(answers)) is not None:
            raise error
        refresh(follower)

    monkeypatch.setattr(StudyFollower, "refresh", passing)
    ended = threading.Event()
    ends = iter([False, True])
    monkeypatch.setattr(ended, "wait", lambda _: next(ends))
    found: list[Study] = []
    module._repeat(module.study_look(str(tmp_path), found.append), ended, 0.01)
    assert [study.finished for study in found] == [1]


def test_a_study_that_has_not_started() -> None:
    """The progress is 0 trials, and there is no link."""
    assert progress(Study())["done"] == "0"
    assert spark_ui(Study()) is None


def test_link_to_spark(operator, run, spark_submit) -> None:
    """The link is pushed while the task runs, and Airflow can store it when the task ends."""
    spark_submit("works")
    task = operator()
    _, ti = run(task)
    link = SparkUiLink()
    assert ti.pushed[link.xcom_key] == link.get_link(task, ti_key=None) == "http://driver:4040"


@pytest.mark.parametrize("ui", ["javascript:alert(1)", "http://[x", "data:text/html,x", None])
def test_only_a_web_address_becomes_a_link(ui: str | None) -> None:
    """Others may have written the journal."""
    study = Study()
    spec = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
    study.apply(Opened(at=1.0, attempt=1, spec=spec, seed=1))
    study.apply(SparkStarted(at=1.0, spark=SparkApplication(application="app-1", ui=ui)))
    assert spark_ui(study) is None


def test_link_to_the_history_server() -> None:
    """After the application has ended, the link leads to the history server, if there is one."""
    study = Study()
    spec = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1)
    study.apply(Opened(at=1.0, attempt=1, spec=spec, seed=1))
    facts = SparkApplication(application="app-1", ui="http://driver:4040", history="history:18080")
    study.apply(SparkStarted(at=1.0, spark=facts))
    assert spark_ui(study) == "http://driver:4040"
    study.apply(Closed(at=2.0, reason=StopReason.MAX_EVALS))
    assert spark_ui(study) == "http://history:18080/history/app-1"
