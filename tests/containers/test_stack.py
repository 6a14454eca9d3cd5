"""The stack of docker/: the package's two images with PostgreSQL and object storage."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from tests.containers.stack import Stack, timed
from tests.integration.airflow_site import Run, logged_in, wait_for

pytestmark = [pytest.mark.containers, pytest.mark.integration, pytest.mark.timeout(900)]

OURS = (
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "spark-master",
    "spark-worker-1",
    "spark-worker-2",
)
STUDY = "s3://sparktune/studies/retune_digits/tune/weekly/g0"
CHAMPION = "s3://sparktune/studies/retune_weekly/tune"
WORKERS = ("spark-worker-1", "spark-worker-2")


def test_only_the_ui_is_published_and_nothing_runs_as_root(stack: Stack) -> None:
    published = {
        (service, port["HostIp"])
        for service in (*OURS, "postgres", "s3")
        for ports in stack.container(service)["NetworkSettings"]["Ports"].values()
        for port in ports or ()
    }
    assert published == {("api-server", "127.0.0.1")}
    for service in OURS:
        container = stack.container(service)
        assert container["Config"]["User"] in ("50000", "185")
        assert container["HostConfig"]["CapDrop"] == ["ALL"]


def test_keys_are_only_where_they_are_needed(stack: Stack) -> None:
    """The cluster knows only its own secret; processes that only parse DAGs cannot read studies."""
    secrets = stack.secrets
    for service in (*WORKERS, "spark-master"):
        everything = _processes_of(stack, service)
        assert [name for name, value in secrets.items() if value in everything] == [], service
    for service in ("dag-processor", "triggerer"):
        assert secrets["S3_SECRET_KEY"] not in json.dumps(stack.container(service)["Config"])


@pytest.mark.usefixtures("keys")
def test_studies_outlive_the_scheduler_and_a_worker(stack: Stack) -> None:
    """Both are killed while trials run, and restart; no finished trial is lost.

    While Airflow has not yet noticed that the task is gone, another DAG retunes production.
    """
    journal = StudyFollower(open_storage(STUDY))
    with stack.slowed(*WORKERS, cores=0.3):
        run = stack.airflow.trigger("retune_digits", "weekly")
        with stack.killer("scheduler") as kill:
            with timed("a trial has ended"):
                _wait_for_trials(journal, 1)
            _check_secrets_while_it_runs(stack)
            _wait_for_trials(journal, 2)
            kill()
        before = _read(journal)
        finished = {number: trial for number, trial in before.trials.items() if trial.counts}
        assert before.closed is None
        assert len(finished) >= 2
        stack.wait_for_return("scheduler", within_s=180)
        stack.airflow.unpause("train_production")
        retuning = stack.airflow.trigger("retune_weekly", "week", date="2026-11-02")

        with stack.killer("spark-worker-1") as kill:
            with timed("the next attempt has ended a trial"):
                _wait_for_trials(journal, len(finished) + 1)
            kill()
        assert _read(journal).closed is None
        # Its limit cannot be lifted while the container is stopped.
        stack.wait_for_return("spark-worker-1", within_s=180)

    _wait_for_success(run, "train")
    after = _read(journal)
    assert sorted(after.trials) == list(range(24))
    assert all(trial.state is TrialState.OK for trial in after.trials.values())
    assert {number: after.trials[number] for number in finished} == finished
    assert len(after.attempts) >= 2
    for worker in WORKERS:
        assert _trials_run_on(stack, worker) > 0
    _check_what_people_see(stack, run, after)
    _check_retuning(stack, retuning)


def _read(journal: StudyFollower) -> Study:
    journal.refresh()
    return journal.study


def _wait_for_trials(journal: StudyFollower, count: int) -> None:
    wait_for(
        lambda: _read(journal).finished,
        lambda finished: finished >= count,
        what=f"{count} trials of {STUDY}",
        within_s=420,
    )


def _wait_for_success(run: Run, task: str) -> None:
    with timed(f"{run.dag}.{task} has ended"):
        run.wait("success", "failed", "upstream_failed", "skipped", task=task, within_s=420, every_s=2)
    assert run.state(task=task) == "success", run.log(attempt=run.tries())


def _check_what_people_see(stack: Stack, run: Run, study: Study) -> None:
    """Check that XCom, the Tuning tab and the command line agree with the journal."""
    assert study.best is not None
    assert run.xcom() == run.xcom(key="tuning_result")["best_params"] == study.best.params
    assert run.xcom(key="study") == STUDY
    assert run.xcom(task="train")["accuracy"] > 0.9
    site = stack.airflow
    page = httpx.get(
        f"{site.url}/sparktune/dags/{run.dag}/tasks/tune/runs/{run.run}/study",
        headers=logged_in(site.url, "admin", site.password),
        timeout=60,
    )
    assert page.json()["columns"]["state"] == ["ok"] * 24
    shown = json.loads(stack.run_in("api-server", "sparktune", "show", STUDY, "--json"))
    assert shown["best_params"] == study.best.params


def _check_retuning(stack: Stack, run: Run) -> None:
    """Check that the first champion is recorded, and that its event has triggered the training."""
    _wait_for_success(run, "tune")
    assert [each.run for each in stack.airflow.runs(run.dag)] == [run.run]
    assert run.xcom(key="tuning_result")["decision"] == "first"
    (trained,) = wait_for(
        lambda: stack.airflow.runs("train_production"), what="a run of train_production", within_s=120
    )
    _wait_for_success(trained, "train")
    shown = json.loads(stack.run_in("api-server", "sparktune", "champion", CHAMPION, "--json"))
    assert trained.xcom(task="train")["params"] == run.xcom() == shown["params"]


def _check_secrets_while_it_runs(stack: Stack) -> None:
    """Check that no command line has a secret and no executor a key, while a study runs."""
    secrets = stack.secrets
    with ThreadPoolExecutor() as pool:  # a study does not last long
        driver = pool.submit(_processes_of, stack, "scheduler", "cmdline")
        executors = list(pool.map(partial(_processes_of, stack), WORKERS))
    assert "org.apache.spark.deploy.SparkSubmit" in driver.result()
    assert [name for name, value in secrets.items() if value in driver.result()] == []
    # Spark passes its own secret to executors in their environment.
    others = {name: value for name, value in secrets.items() if name != "SPARK_SECRET"}
    for everything in executors:
        assert [name for name, value in others.items() if value in everything] == []


def _trials_run_on(stack: Stack, worker: str) -> int:
    """Return the number of tasks that a worker's executors have finished, by Spark's log of them."""
    found = stack.run_in(worker, "sh", "-c", "cat /opt/spark/work/*/*/stderr")
    return found.count("Finished task ")


def _processes_of(stack: Stack, service: str, *files: str) -> str:
    """Return the command lines and environments, or one of them, of all processes in a container."""
    paths = " ".join(f"/proc/[0-9]*/{file}" for file in files or ("cmdline", "environ"))
    # A process may end meanwhile.
    return stack.run_in(service, "sh", "-c", f"cat {paths} 2>/dev/null || true")
