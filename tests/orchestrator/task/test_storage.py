"""The storage of a task: who can read it, and who cannot."""

from __future__ import annotations

import grp
import os

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.orchestrator.task.storage import warn_of_local_storage


def test_a_storage_group_may_read_the_study(operator, run, spark_submit, storage, monkeypatch) -> None:
    """`[sparktune] storage_group` is for an API server that runs as another user."""
    group = grp.getgrgid(max(os.getgroups(), default=os.getgid()))
    monkeypatch.setenv("AIRFLOW__SPARKTUNE__STORAGE_GROUP", group.gr_name)
    spark_submit("works")
    before = os.umask(0o077)
    try:
        run(operator())
    finally:
        os.umask(before)
    files = [path for path in storage.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"spec.json", "airflow.json"}
    for path in [storage, *storage.rglob("*")]:
        status = path.stat()
        assert status.st_gid == group.gr_gid
        assert status.st_mode & 0o077 == (0o040 if path.is_file() else 0o050), path


def test_a_missing_storage_group(operator, run, spark_submit, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__SPARKTUNE__STORAGE_GROUP", "no-such-group")
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match="must be one of this machine's, got 'no-such-group'"):
        run(operator())
    assert note() is None


def test_storage_that_cannot_be_written(operator, run, spark_submit, tmp_path) -> None:
    """No user can write to a folder below a file."""
    spark_submit("works")
    (tmp_path / "file").write_text("")
    with pytest.raises(AirflowFailException, match="the study folder must be"):
        run(operator(storage=str(tmp_path / "file" / "below")))


def test_storage_that_means_another_folder_to_each_process(rendered, run, spark_submit) -> None:
    """The driver would resolve a relative path in its own working folder."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=r"absolute path, got 'studies'; the Spark driver"):
        run(rendered(storage="studies"))
    assert note() is None


@pytest.mark.parametrize(
    ("executor", "storage", "warned"),
    [
        ("LocalExecutor", "/data", False),
        ("CeleryExecutor", "/data", True),
        ("CeleryExecutor", "file:///data", True),
        ("CeleryExecutor,LocalExecutor", "/data", True),
        ("CeleryExecutor", "s3://bucket/studies", False),
    ],
)
def test_local_storage_where_a_retry_may_run_elsewhere(
    monkeypatch, caplog, executor: str, storage: str, warned: bool
) -> None:
    """The task warns if one of Airflow's executors runs tasks on other machines."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    warn_of_local_storage(f"{storage}/churn/tune/r1/g0", in_cluster=False)
    assert ("a retry on another worker starts over" in caplog.text) is warned


@pytest.mark.parametrize(("storage", "warned"), [("/data", True), ("s3://bucket/studies", False)])
def test_local_storage_and_a_driver_in_the_cluster(caplog, storage, warned) -> None:
    """The task warns that the driver may not reach a folder of the worker."""
    warn_of_local_storage(f"{storage}/churn/tune/r1/g0", in_cluster=True)
    assert ("the driver runs in the cluster" in caplog.text) == warned
