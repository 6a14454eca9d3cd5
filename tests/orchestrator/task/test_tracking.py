"""`tracking=`: the tracker process of a task, and its connection."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.task import tracking as module
from airflow_sparktune.orchestrator.task.tracking import tracked, tracking_environment
from airflow_sparktune.study.files.airflow_task import AirflowTask, read_task

DOWN = "http://127.0.0.1:9"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a connection whose server is down."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    value = {"conn_type": "http", "host": "127.0.0.1", "port": 9, "login": "me", "password": "tracker-pw"}
    monkeypatch.setenv("AIRFLOW_CONN_MY_MLFLOW", json.dumps(value))


def test_only_the_tracker_gets_the_connection_in_its_environment(connection: None) -> None:
    """The Spark driver inherits this process's environment, which does not have it."""
    found = tracking_environment("my_mlflow")
    assert found == {
        "MLFLOW_TRACKING_URI": DOWN,
        "MLFLOW_TRACKING_USERNAME": "me",
        "MLFLOW_TRACKING_PASSWORD": "tracker-pw",
    }
    assert not any(name in os.environ for name in found)


def test_a_token_and_an_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password without a login is a token; the server may be a complete URL."""
    value = {
        "conn_type": "http",
        "host": "https://mlflow.example",
        "password": "t",
        "extra": {"experiment": "churn"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MY_MLFLOW", json.dumps(value))
    assert tracking_environment("my_mlflow") == {
        "MLFLOW_TRACKING_URI": "https://mlflow.example",
        "MLFLOW_TRACKING_TOKEN": "t",
        "MLFLOW_EXPERIMENT_NAME": "churn",
    }


def test_the_servers_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mlflow` adds nothing to the environment, which must have the server's address."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DOWN)
    assert tracking_environment("mlflow") == {}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(PlatformError, match="MLFLOW_TRACKING_URI in the worker's environment"):
        tracking_environment("mlflow")


def test_a_missing_connection_fails_the_task_before_anything_starts(operator, run, spark_submit) -> None:
    """It is a misspelled name, which no retry can fix."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match="airflow connections add my_mlfow"):
        run(operator(tracking="my_mlfow"))
    assert note() is None


def test_a_study_knows_its_task(operator, run, spark_submit) -> None:
    """The task instance is recorded in the study's folder for other readers."""
    spark_submit("works")
    _, ti = run(operator(), map_index=3)
    assert read_task(ti.pushed["study"]) == AirflowTask(
        dag_id="churn", task_id="tune", run_id="manual__2026-01-01T00:00:00+00:00", map_index=3
    )


@pytest.mark.integration
def test_a_server_that_is_down_does_not_affect_the_study(
    operator, run, spark_submit, connection, monkeypatch, caplog
) -> None:
    """The log has the reason, and the command that sends the rest; the driver gets no credentials."""
    monkeypatch.setattr(module, "CATCH_UP_S", 300)  # on a busy machine, the tracker starts slowly
    note = spark_submit("works")
    best, ti = run(operator(tracking="my_mlflow"))
    assert best == {"x": 0}
    assert caplog.text.count("tracking ends incomplete: ") == 1
    assert f"sparktune track {ti.pushed['study']} --to mlflow" in caplog.text
    assert not [name for name in note()["environment"] if name.startswith("MLFLOW")]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace the tracker by another program."""

    def install(source: str) -> None:
        package = tmp_path / "airflow_sparktune"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "track.py").write_text(f"import sys, time\n{source}\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return install


def test_a_hanging_tracker_is_ended(program, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """It is ended after a short wait, and the task continues."""
    monkeypatch.setattr(module, "CATCH_UP_S", 0.1)
    program("time.sleep(600)")
    with tracked("/study", {}):
        pass
    assert "sparktune track /study" in caplog.text


def test_the_output_of_the_tracker_is_logged(program, caplog) -> None:
    """Its messages keep their level; other lines of output are warnings."""
    caplog.set_level("INFO")
    program("sys.stdin.read()\nprint('INFO:caught up', file=sys.stderr)\nprint('Boom', file=sys.stderr)")
    with tracked("/study", {}):
        pass
    said = [(record.levelname, record.message) for record in caplog.records]
    assert said == [("INFO", "caught up"), ("WARNING", "tracking: Boom")]
