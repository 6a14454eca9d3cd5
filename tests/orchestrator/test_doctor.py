"""What `sparktune doctor` finds, with a launcher that writes the journal of a driver, or fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.models import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_sparktune import connections
from airflow_sparktune.cli import main
from airflow_sparktune.errors import PlatformError, StorageUnavailable, describe
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.probe import objective
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed, Target
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.doctor import NAMES, Diagnosis, State, examine
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Reported
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.storage.probe import SEEN, problem_elsewhere
from tests.study.journal_samples import closed, opened, trial, write

PLACE = {"host": "there", "python": "3.11.7 (/usr/bin/python3)", "spark": "4.2.0"}


@dataclass
class Driver:
    """Writes what a driver would: a trial with these facts, or an error."""

    storage: str | None = None
    reports: bool = True
    error: Exception | None = None
    lost: bool = False
    job: Job | None = None
    given: dict[str, Any] = field(default_factory=dict)

    def submission(self, job: Job, folder: Path) -> Submission:
        self.job = job
        target = Target(master="spark://host:7077", install=SparkInstall({}, Path("/opt/spark")))
        files = {"application": "", "arguments": (), "py_files": (), "conf": {}, "environment": {}}
        return Submission(folder=folder, target=target, **files)  # type: ignore[arg-type]

    def follow(self, submission: Submission, start: Callable[[], None]) -> Exception | None:
        assert self.job is not None
        start()
        if self.lost:
            return SubmitFailed("spark-submit ended with code 1\nJVM failed\n\tat a.b(C.scala:1)\nby py4j")
        spec = self.job.spec
        assert isinstance(spec, Spec)
        events: list[Any] = [opened(spec=spec)]
        if self.error is None:
            info = {"driver": PLACE, "executor": PLACE, "storage": self.storage}
            events.append(trial(0))
            if self.reports:
                events.append(Reported(at=1.0, trials=(TrialReports(0, [1], [0.0]),)))
            events += [trial(0, 0.0, info=info), closed()]
        else:
            events.append(closed("error", error=describe(self.error)))
        write(open_storage(self.job.address), 1, events)
        return None if self.error is None else SubmitFailed("spark-submit ended with code 1")

    def kill(self) -> None:
        raise AssertionError


def states(found: Diagnosis) -> list[str]:
    assert [each.name for each in found.checks] == list(NAMES)
    return [each.state.value for each in found.checks]


def test_a_healthy_platform(tmp_path: Path) -> None:
    driver = Driver()
    found = examine(str(tmp_path), lambda: driver, timeout=60)
    assert states(found) == ["ok"] * 6
    assert found.healthy
    texts = {each.name: each.text for each in found.checks}
    assert "submits to spark://host:7077 in client mode with the Spark in /opt/spark" in texts["connection"]
    assert texts["executor"] == "on there, Python 3.11.7 (/usr/bin/python3) and Spark 4.2.0"
    assert list(tmp_path.iterdir()) == []  # nothing is left
    assert driver.job is not None
    assert driver.job.spec is not None
    assert (driver.job.spec.max_evals, driver.job.spec.timeout) == (1, 60)


def test_a_storage_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    found = examine(str(file), Driver, timeout=60)
    assert states(found) == ["failed", *["skipped"] * 5]
    assert "the study folder must be writable, got Not a directory" in found.checks[0].text


def test_an_unusable_connection(tmp_path: Path) -> None:
    def launcher() -> Any:
        raise PlatformError("conn_id must name an existing Spark connection, got 'x'; create it")

    found = examine(str(tmp_path), launcher, timeout=60)
    assert states(found) == ["ok", "failed", *["skipped"] * 4]
    assert found.checks[1].text.endswith("got 'x'; create it")
    assert not found.retryable


def test_a_driver_that_does_not_start(tmp_path: Path) -> None:
    """Its error is one line; the output of spark-submit is the end of the driver's log."""
    found = examine(str(tmp_path), lambda: Driver(lost=True), timeout=60)
    assert states(found) == ["ok", "ok", "failed", "skipped", "skipped", "skipped"]
    assert "ended with code 1; check that the master answers" in found.checks[2].text
    assert "\n" not in found.checks[2].text
    assert found.retryable


def test_javas_cause_is_on_the_line_of_its_error(tmp_path: Path) -> None:
    error = ValueError("An error occurred while calling x.\n: SparkException: no master\n\tat a.b(C.scala:1)")
    found = examine(str(tmp_path), lambda: Driver(error=error), timeout=60)
    assert "calling x.: SparkException: no master; check that the master answers" in found.checks[3].text


def test_executors_that_cannot_run_trials(tmp_path: Path) -> None:
    """The driver has started, and wrote why they cannot."""
    error = PlatformError("driver and executors must run the same Python, got 3.11 and 3.12; set it")
    found = examine(str(tmp_path), lambda: Driver(error=error), timeout=60)
    assert states(found) == ["ok", "ok", "ok", "failed", "skipped", "skipped"]
    assert found.checks[3].text == str(error)
    assert list(tmp_path.iterdir()) == []


def test_what_studies_run_without_is_a_warning(tmp_path: Path) -> None:
    driver = Driver(storage="PermissionError: no", reports=False)
    found = examine(str(tmp_path), lambda: driver, timeout=60)
    assert states(found)[4:] == ["warning", "warning"]
    assert found.healthy
    assert "PermissionError: no; studies run without it, but an objective" in found.checks[4].text
    assert "no report has arrived; trials go on without pruning: let executors" in found.checks[5].text


def test_a_storage_as_seen_from_elsewhere(tmp_path: Path) -> None:
    """A folder of the same name on another machine lacks the file that was written here."""
    assert problem_elsewhere(str(tmp_path)) == f"{tmp_path} is another folder there"
    assert list(tmp_path.iterdir()) == []
    LocalStorage(tmp_path).write(SEEN, b"")
    assert problem_elsewhere(str(tmp_path)) is None
    assert problem_elsewhere("nothing://x").startswith("StorageError: ")  # type: ignore[union-attr]


def test_the_objective_tells_where_it_runs(tmp_path: Path) -> None:
    found = objective({"x": 0.5}, TrialContext(0, 1, 1, 1), PLACE, str(tmp_path))
    assert found["driver"] == PLACE
    assert set(found["executor"]) == set(PLACE)
    assert found["storage"].endswith("is another folder there")


class TestInTheShell:
    @pytest.mark.parametrize(
        ("error", "code"), [(PlatformError("no Java; install it"), 2), (StorageUnavailable("later"), 1)]
    )
    def test_the_exit_code_says_whether_another_try_can_help(
        self,
        error: Exception,
        code: int,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fails(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr("airflow_sparktune.cli.submit._launcher", fails)
        assert main(["doctor", "--storage", str(tmp_path)]) == code
        printed = capsys.readouterr().out.splitlines()
        assert printed[0].startswith("✓ storage")
        assert printed[1] == f"✗ connection          {error}"
        assert printed[2] == "– driver              not checked"
        assert main(["doctor", "--storage", str(tmp_path), "--json"]) == code
        found = json.loads(capsys.readouterr().out)
        assert found["healthy"] is False
        assert found["checks"][1] == {"name": "connection", "state": State.FAILED, "text": str(error)}

    def test_the_end_of_the_drivers_log_has_no_stack(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stack = ["\tat a.b$c(C.scala:1)", "", "org.apache.spark.api.java.JavaSparkContext.<init>(J.scala:59)"]

        def launcher(*_: Any, output: Callable[[str], None]) -> Driver:
            for line in ("All masters are unresponsive!", *stack * 20):
                output(line)
            return Driver(lost=True)

        monkeypatch.setattr("airflow_sparktune.cli.submit._launcher", launcher)
        assert main(["doctor", "--storage", str(tmp_path)]) == 1
        printed = capsys.readouterr().err
        assert printed == "the end of the driver's log:\nAll masters are unresponsive!\n\n"

    def test_a_connection_that_airflow_does_not_have(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(connections, "offer", lambda _: None)
        assert main(["doctor", "--conn-id", "nowhere", "--storage", str(tmp_path)]) == 2
        assert "conn_id must name an existing Spark connection, got 'nowhere'" in capsys.readouterr().out

    @pytest.mark.parametrize("master", ["cluster", "local[0]", "local[two]", "local[]"])
    def test_a_wrong_master(self, master: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--master", master]) == 2
        assert "--master must be local, local[N], spark://HOST:PORT" in capsys.readouterr().err


def test_a_connection_of_airflows_database_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task gets it from there, a shell does not. One in the environment is left alone."""
    stored = Connection(conn_id="offered_by_a_test", conn_type="spark", host="spark://host", port=7077)

    def get(conn_id: str) -> Connection:
        if conn_id != stored.conn_id:
            raise AirflowNotFoundException
        return stored

    monkeypatch.setattr(Connection, "get_connection_from_secrets", get)
    monkeypatch.setenv("AIRFLOW_CONN_GIVEN", "spark://given")
    monkeypatch.setenv("AIRFLOW_CONN_OFFERED_BY_A_TEST", "")
    monkeypatch.delenv("AIRFLOW_CONN_OFFERED_BY_A_TEST")
    for conn_id in ("offered_by_a_test", "given", "nowhere"):
        connections.offer(conn_id)
    assert json.loads(os.environ["AIRFLOW_CONN_OFFERED_BY_A_TEST"])["host"] == "spark://host"
    assert os.environ["AIRFLOW_CONN_GIVEN"] == "spark://given"
    assert "AIRFLOW_CONN_NOWHERE" not in os.environ
