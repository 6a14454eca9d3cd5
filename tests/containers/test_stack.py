"""The stack of docker/: our two images beside PostgreSQL and object storage."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx
import pytest
from airflow_site import Run, logged_in, wait_for
from stack import Stack

pytestmark = [pytest.mark.containers, pytest.mark.integration, pytest.mark.timeout(3600)]

OURS = (
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "spark-master",
    "spark-worker-1",
    "spark-worker-2",
)
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
    """The cluster knows its own secret and no other; what only parses DAGs cannot read studies."""
    secrets = stack.secrets
    for service in (*WORKERS, "spark-master"):
        everything = _processes_of(stack, service)
        assert [name for name, value in secrets.items() if value in everything] == [], service
    for service in ("dag-processor", "triggerer"):
        assert secrets["S3_SECRET_KEY"] not in json.dumps(stack.container(service)["Config"])


def test_a_study_outlives_the_scheduler_and_a_worker(stack: Stack) -> None:
    """Both are killed while trials run, and come back; the run ends well and no finished trial is lost."""
    run = stack.airflow.trigger("retune_digits", "weekly")

    _wait_for_trials(stack, run, 4)
    _check_secrets_while_it_runs(stack)
    stack.kill("scheduler")
    stack.wait_for_return("scheduler", within_s=300)
    before = _study(stack, run)["trials"]
    finished = {trial["number"]: trial for trial in before if trial["state"] == "ok"}
    assert len(finished) >= 4

    _wait_for_trials(stack, run, len(finished) + 2)
    stack.kill("spark-worker-1")
    stack.wait_for_return("spark-worker-1", within_s=300)

    ended = ("success", "failed", "upstream_failed")
    wait_for(lambda: run.state(task="train") in ended, within_s=900, every_s=2)
    assert run.state(task="train") == "success", run.log(attempt=run.tries())
    study = _study(stack, run)
    after = {trial["number"]: trial for trial in study["trials"]}
    assert sorted(after) == list(range(24))
    assert {number: after[number] for number in finished} == finished
    assert study["attempts"] >= 2
    assert run.xcom() == run.xcom(key="tuning_result")["best_params"] == study["best_params"]
    assert run.xcom(key="study").startswith("s3://sparktune/studies/retune_digits/tune/")
    page = _page(stack, run)
    assert sum(trial["state"] == "ok" for trial in page["trials"]) == 24
    assert run.xcom(task="train")["accuracy"] > 0.9
    for worker in WORKERS:
        assert _trials_run_on(stack, worker) > 0


def _wait_for_trials(stack: Stack, run: Run, number: int) -> None:
    def finished() -> int:
        return sum(trial["state"] == "ok" for trial in _page(stack, run)["trials"])

    # Not too often: two cores serve all of the stack.
    wait_for(lambda: finished() >= number, within_s=900, every_s=1)


def _page(stack: Stack, run: Run) -> Any:
    """What the Tuning tab shows."""
    url = f"{stack.airflow.url}/sparktune/dags/{run.dag}/tasks/tune/runs/{run.run}/study"
    answer = httpx.get(url, headers=_administrator(stack), timeout=60)
    answer.raise_for_status()
    return answer.json()


@cache
def _administrator(stack: Stack) -> dict[str, str]:
    return logged_in(stack.airflow.url, "admin", stack.airflow.password)


def _study(stack: Stack, run: Run) -> Any:
    """The study on the object storage, as the command line shows it."""
    address = f"s3://sparktune/studies/{run.dag}/tune/{run.run}/g0"
    return json.loads(stack.run_in("api-server", "sparktune", "show", address, "--json"))


def _check_secrets_while_it_runs(stack: Stack) -> None:
    """A driver and executors are there now: no command line has a secret, no executor a key."""
    secrets = stack.secrets
    commands = _processes_of(stack, "scheduler", "cmdline")
    assert "spark-submit" in commands
    assert [name for name, value in secrets.items() if value in commands] == []
    for worker in WORKERS:
        # Spark hands its own secret to executors by their environment.
        everything = _processes_of(stack, worker)
        assert [
            name for name, value in secrets.items() if value in everything and name != "SPARK_SECRET"
        ] == []


def _trials_run_on(stack: Stack, worker: str) -> int:
    """How many tasks the executors of a worker have finished, by Spark's own log of them."""
    found = stack.run_in(worker, "sh", "-c", "cat /opt/spark/work/*/*/stderr")
    return found.count("Finished task ")


def _processes_of(stack: Stack, service: str, *files: str) -> str:
    """The command lines and environments, or one of them, of all processes in a container."""
    paths = " ".join(f"/proc/[0-9]*/{file}" for file in files or ("cmdline", "environ"))
    # One that ends meanwhile is nothing to stumble over.
    return stack.run_in(service, "sh", "-c", f"cat {paths} 2>/dev/null || true")
