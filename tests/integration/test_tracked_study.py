"""A study with pruning, mirrored into a real MLflow server while its driver and its task are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study
from tests.integration.airflow_site import Run, Site, wait_for
from tests.tracking.servers import losses_of, mlflow_server, runs_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_mlflow_shows_each_trial_once_after_kills(airflow: Site, tmp_path: Path) -> None:
    """After kill -9 of the driver, then of the task, the third try ends with exactly max_evals.

    The pruned trials among them are no more and no fewer, and every trial has the curve of its last try.
    """
    with mlflow_server(tmp_path) as server:
        where = urlsplit(server)
        connection = {"connection_id": "mlflow_test", "conn_type": "http"}
        airflow.call("POST", "connections", **connection, host=where.hostname, port=where.port)
        run = airflow.trigger("tracked")
        wait_for(lambda: _study(run).finished, lambda finished: finished >= 8, what="8 trials")
        (driver,) = _drivers(run)
        os.kill(driver.pid, signal.SIGKILL)
        wait_for(
            lambda: (len(_study(run).attempts), _study(run).finished),
            lambda seen: seen[0] == 2 and seen[1] >= 16,
            what="a second attempt and 16 trials",
        )
        (driver,) = _drivers(run)
        task = driver.parent().ppid()
        os.kill(task, signal.SIGKILL)
        run.wait("success", "failed")
        assert run.state() == "success", run.log(attempt=run.tries())
        assert run.tries() == 3
        after = _study(run)
        _send_what_is_missing(run, server)
        parent, children = runs_of(server, "tracked.tune")
        curves = {number: losses_of(server, each) for number, each in children.items()}
    assert [after.finished, sorted(after.trials), len(after.attempts)] == [30, list(range(30)), 3]
    counts = summary(after).counts
    assert (counts["ok"], counts["pruned"], sum(counts.values())) == (15, 15, 30)
    assert {number: curve.steps for number, curve in after.curves.items()} == {
        number: list(range(1, 4 if number % 2 else 6)) for number in range(30)
    }
    assert sorted(children) == sorted(after.trials)
    assert {number: each.data.metrics.get("loss") for number, each in children.items()} == {
        number: pytest.approx(trial.loss) for number, trial in after.trials.items()
    }
    assert curves == {
        number: dict(zip(curve.steps, map(pytest.approx, curve.losses), strict=True))
        for number, curve in after.curves.items()
    }
    ends = {(number % 2, each.info.status) for number, each in children.items()}
    assert ends == {(0, "FINISHED"), (1, "KILLED")}
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_loss"] == pytest.approx(after.best.loss)
    assert parent.data.tags["airflow.run_id"] == run.run


def _send_what_is_missing(run: Run, server: str) -> None:
    """Run the command in the log: on a slow machine, a task ends before its tracker is complete."""
    sparktune = str(Path(sys.executable).with_name("sparktune"))
    subprocess.run(
        [sparktune, "track", _address(run), "--to", "mlflow"],
        env={**os.environ, "MLFLOW_TRACKING_URI": server, "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"},
        check=True,
        timeout=240,
    )


def _study(run: Run) -> Study:
    return read_study(_address(run)).study


def _address(run: Run) -> str:
    return study_address(str(run.site.home / "sparktune"), dag_id=run.dag, task_id="tune", run_id=run.run)


def _drivers(run: Run) -> list[psutil.Process]:
    """Return the Python drivers of a run's study, whose parent is the JVM."""
    found = [
        each for each in psutil.process_iter(["cmdline"]) if _address(run) in (each.info["cmdline"] or [])
    ]
    return [
        each
        for each in found
        if "sparktune_launcher.py" in " ".join(each.info["cmdline"]) and "java" not in each.name()
    ]
