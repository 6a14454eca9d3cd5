"""Tracking with a real MLflow server behind a proxy that injects faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import TrialState
from tests.study.journal_samples import BEGAN, closed, opened, trial, write
from tests.tracking.servers import Proxy, mlflow_server, proxy_of, runs_of

pytestmark = pytest.mark.integration

SPARKTUNE = str(Path(sys.executable).with_name("sparktune"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    with proxy_of(server) as running:
        yield running


@pytest.fixture
def study(tmp_path: Path) -> str:
    """Write fourteen trials, of which the fourth failed and the twelfth was pruned."""
    trials = [trial(number, 1.0 / (1 + number)) for number in range(14)]
    for number, state in ((4, TrialState.FAILED), (12, TrialState.PRUNED)):
        ended = replace(trials[number].trial, state=state, loss=None, end=BEGAN + number + 0.5)
        trials[number] = replace(trials[number], trial=ended)
    address = str(tmp_path / "study")
    write(open_storage(address), 1, [opened(), *trials, closed()])
    return address


def track(study: str, address: str, *, timeout_s: str = "2") -> subprocess.CompletedProcess[str]:
    """Run `sparktune track` as a user would."""
    return subprocess.run(
        [
            SPARKTUNE,
            "track",
            study,
            "--to",
            "mlflow",
            "--experiment",
            study,
        ],
        env={**os.environ, "MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_TIMEOUT": timeout_s},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_study_is_mirrored_in_three_requests_a_trial(study: str, server: str, proxy: Proxy) -> None:
    """Params, losses, states and the report are complete; a second call sends nothing."""
    done = track(study, proxy.address, timeout_s="60")
    assert done.returncode == 0, done.stderr
    parent, children = runs_of(server, study)
    assert set(children) == set(range(14))
    assert [children[number].info.status for number in (0, 4, 12)] == ["FINISHED", "FAILED", "KILLED"]
    assert children[0].data.params == {"lr": "0.1"}
    best = min(run.data.metrics["loss"] for run in children.values() if run.info.status == "FINISHED")
    assert parent.data.metrics["best_loss"] == best
    assert parent.info.status == "FINISHED"
    a_trial = ("runs/create", "runs/log-batch", "runs/update")
    parents_own = 1 + 5 + 1  # create; settings, best losses, totals, result, ...; end
    assert sum(proxy.counts[path] for path in a_trial) <= 3 * 14 + parents_own

    before = proxy.counts.copy()
    assert track(study, proxy.address, timeout_s="60").returncode == 0
    assert dict(proxy.counts - before) == {"experiments/get-by-name": 1, "runs/search": 1}


@pytest.mark.parametrize("mode", ["fails", "swallows", "hangs"])
def test_a_failing_server_gets_the_missing_runs_later(
    study: str, server: str, proxy: Proxy, mode: str
) -> None:
    """One sentence has the reason and the way out; the next call completes the runs without duplicates."""
    proxy.mode, proxy.passes = mode, 0
    done = track(study, proxy.address)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sparktune: {study} is not complete in mlflow: ")
    assert done.stderr.endswith("run the same command again once that is solved\n")
    assert done.stderr.count("\n") == 1
    proxy.passes = None
    assert track(study, proxy.address, timeout_s="60").returncode == 0
    parent, children = runs_of(server, study)
    assert (parent.info.status, set(children)) == ("FINISHED", set(range(14)))


def track_as_a_task_does(study: str, address: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's program in the environment of a task, where Airflow's database is out of reach."""
    no_database = "airflow-db-not-allowed:///"
    return subprocess.run(
        [sys.executable, "-P", "-m", "airflow_sparktune.track", study],
        env={
            **os.environ,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": no_database,
            "AIRFLOW__CORE__SQL_ALCHEMY_CONN": no_database,
            "MLFLOW_TRACKING_URI": address,
            "MLFLOW_EXPERIMENT_NAME": study,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_mirror_of_a_task_has_the_report(study: str, server: str) -> None:
    """The page is masked by Airflow's rules, which needs no access to its database."""
    from mlflow import MlflowClient

    done = track_as_a_task_does(study, server)
    assert done.returncode == 0, done.stderr
    parent, children = runs_of(server, study)
    assert set(children) == set(range(14))
    assert [each.path for each in MlflowClient(server).list_artifacts(parent.info.run_id)] == ["report.html"]


def test_the_log_of_a_task_has_the_reason(study: str) -> None:
    """The operator relays standard error to it."""
    done = track_as_a_task_does(study, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("WARNING:tracking ends incomplete: ")


def test_no_server_at_all(study: str) -> None:
    """The result is the same."""
    done = track(study, "http://ann:p%40ss@127.0.0.1:9")
    assert (done.returncode, done.stderr.count("is not complete in mlflow")) == (1, 1)
    assert "127.0.0.1" in done.stderr  # MLflow's error quotes the address, but not its login
    assert "ann" not in done.stderr
    assert "p%40ss" not in done.stderr


def test_a_server_that_fails_while_trials_are_sent(study: str, server: str, proxy: Proxy) -> None:
    """Responses are lost repeatedly; in the end, each trial has one run."""
    proxy.mode = "swallows"
    for passes in (5, 12, 20):
        proxy.passes = passes
        assert track(study, proxy.address).returncode == 1
    proxy.passes = None
    assert track(study, proxy.address, timeout_s="60").returncode == 0
    _, children = runs_of(server, study)
    assert set(children) == set(range(14))
