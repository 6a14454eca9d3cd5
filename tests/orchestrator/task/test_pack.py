"""A task puts its study on the list of its studies when it ends, and that harms nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from airflow_sparktune.errors import DriverLost
from airflow_sparktune.orchestrator import after
from airflow_sparktune.orchestrator.deploy.child_process import ChildProcess
from airflow_sparktune.study.listing.pack import NAME


@pytest.fixture
def pack(storage: Path) -> Path:
    return storage / "churn" / "tune" / NAME


def test_a_study_is_listed_when_it_succeeds_and_when_it_fails(operator, run, spark_submit, pack) -> None:
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost):
        run(operator())
    failed = pack.read_text()
    spark_submit("works")
    run(operator())
    assert pack.read_text() != failed


def test_the_error_of_the_study_is_told_although_listing_fails(
    operator, run, spark_submit, monkeypatch, caplog
) -> None:
    """A storage's connection may raise errors of any kind."""

    def fails(address: str) -> None:
        raise Exception("no such connection")

    monkeypatch.setattr(after, "open_storage", fails)
    spark_submit("fails")
    with pytest.raises(AirflowFailException):
        run(operator())
    assert "no such connection" in caplog.text


def test_a_timeout_is_not_delayed(operator, run, spark_submit, monkeypatch, pack) -> None:
    """Airflow calls on_kill, which ends a driver in the cluster, only after execute."""
    follow = ChildProcess.follow

    def times_out(self: ChildProcess, *arguments: Any) -> None:
        follow(self, *arguments)
        raise AirflowTaskTimeout

    monkeypatch.setattr(ChildProcess, "follow", times_out)
    spark_submit("dies at the second trial")
    with pytest.raises(AirflowTaskTimeout):
        run(operator())
    assert not pack.exists()


def test_a_killed_task_ends_at_once(operator, run, spark_submit, monkeypatch, pack) -> None:
    """It has seconds before its process is killed."""
    task, follow = operator(), ChildProcess.follow

    def killed(self: ChildProcess, *arguments: Any) -> Any:
        found = follow(self, *arguments)
        task.on_kill()
        return found

    monkeypatch.setattr(ChildProcess, "follow", killed)
    spark_submit("dies at the second trial")
    with pytest.raises(DriverLost):
        run(task)
    assert not pack.exists()


def test_an_operator_that_only_validates_lists_nothing(operator, run, spark_submit, pack) -> None:
    """Not even one that has run a study before."""
    spark_submit("works")
    task = operator()
    run(task)
    pack.unlink()
    task.validate_only = True
    with pytest.raises(AirflowSkipException):
        run(task)
    assert not pack.exists()
