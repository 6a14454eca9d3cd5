"""A killed task leaves no application behind."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.operators import spark_submit as spark_operator
from airflow.providers.cncf.kubernetes import kube_client

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.orchestrator.deploy import process
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles


@pytest.fixture
def killed_meanwhile(run) -> Callable[[SparkTuneOperator, str], None]:
    """Run a task, and kill it as soon as its hook has the name of the application in the cluster."""

    def kill_once_known(task: SparkTuneOperator, name: str) -> None:
        ended = threading.Event()

        def kill() -> None:
            while not ended.wait(0.01):
                if task._hook is not None and getattr(task._hook, name) is not None:
                    task.on_kill()
                    return

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with pytest.raises(DriverLost):
                run(task)
        finally:
            ended.set()
            killer.join()
        assert task._hook._submit_sp.poll() is not None

    return kill_once_known


def program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


KILLED_IN = {
    "packing": (SubmitFiles, "pack"),
    "asking for the connection": (spark_operator.SparkSubmitOperator, "_get_hook"),
}


@pytest.mark.parametrize("meanwhile", ["packing", "asking for the connection"])
def test_a_task_killed_during_preparation_starts_nothing(
    operator, run, spark_submit, monkeypatch, meanwhile
) -> None:
    """Airflow calls on_kill in a signal handler, after which the task continues."""
    note = spark_submit("works")
    task = operator()
    owner, name = KILLED_IN[meanwhile]
    real = getattr(owner, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        task.on_kill()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, killed)
    with pytest.raises(DriverLost, match="was killed before that"):
        run(task)
    assert note() is None


@pytest.mark.parametrize(
    ("behaviour", "master", "mode"), [("waits", "local[2]", "client"), ("waits on YARN", "yarn", "cluster")]
)
def test_a_task_killed_while_spark_submit_starts(
    operator, run, spark_submit, monkeypatch, behaviour, master, mode
) -> None:
    """The signal may arrive before anybody knows the new process."""
    spark_submit(behaviour, master=master)
    task = operator(deploy_mode=mode, durable=False)
    started: list[Any] = []

    class Killed(subprocess.Popen):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if "--py-files" in args[0]:
                started.append(self)
                task.on_kill()

    monkeypatch.setattr(subprocess, "Popen", Killed)
    with pytest.raises(DriverLost):
        run(task)
    (process,) = started
    assert process.returncode == -signal.SIGKILL


def test_yarn_application_without_a_resource_manager(
    operator, spark_submit, killed_meanwhile, tmp_path
) -> None:
    """If the connection has no resource manager, the `yarn` command ends the application."""
    spark_submit("waits on YARN", master="yarn")
    said = tmp_path / "yarn.txt"
    program(tmp_path / "bin" / "yarn", f'echo "$@" >> "{said}"')
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert said.read_text() == "application -kill application_1_0001\n"


def test_yarn_application_that_cannot_be_ended(
    operator, spark_submit, killed_meanwhile, tmp_path, monkeypatch, capsys
) -> None:
    """The log has its id and the missing program; spark-submit is still ended."""
    spark_submit("waits on YARN", master="yarn")
    program(tmp_path / "bin" / "java", "exit 0")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # no yarn in it
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert "the YARN application application_1_0001 must be stopped by hand" in capsys.readouterr().out


def test_yarn_application_whose_resource_manager_refuses(
    operator, spark_submit, killed_meanwhile, resource_manager, monkeypatch, capsys
) -> None:
    """The provider logs only the status of the answer; the application goes on."""
    monkeypatch.setattr(process, "GRACE_S", 0.1)
    resource_manager.refuses = {"state": 403}
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("waits on YARN", master="yarn", **extra)
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert "the YARN application application_1_0001 must be stopped by hand" in capsys.readouterr().out


def test_yarn_application_by_its_resource_manager(
    operator, spark_submit, killed_meanwhile, resource_manager
) -> None:
    """The task uses the connection's resource manager, even if it does not track the application there."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("waits on YARN", master="yarn", **extra)
    killed_meanwhile(operator(deploy_mode="cluster", durable=False), "_yarn_application_id")
    assert resource_manager.killed == ["application_1_0001"]


def test_driver_pod_is_deleted(operator, spark_submit, killed_meanwhile, airflows_client) -> None:
    """The task knows its name before spark-submit prints anything, in any namespace."""
    task = operator(deploy_mode="cluster")
    spark_submit("waits on Kubernetes", master="k8s://https://cluster:443")
    killed_meanwhile(task, "_submit_sp")
    ((pod, namespace),) = airflows_client.deleted
    assert namespace == "default"
    assert re.fullmatch(r"sparktune-[0-9a-f]{16}-driver", pod)


@pytest.mark.parametrize(
    "error", [TypeError("unexpected keyword argument 'pretty'"), OSError("Invalid kube-config file")]
)
def test_driver_pod_is_deleted_by_spark(
    operator, spark_submit, killed_meanwhile, airflows_client, error, capsys, tmp_path
) -> None:
    """Airflow's client may be too new for the provider, or set up for another cluster; Spark's is right."""
    airflows_client.error = error
    spark_submit("waits on Kubernetes", master="k8s://https://cluster:443", namespace="spark")
    conf = {"spark.kubernetes.driver.pod.name": "churn-driver"}
    killed_meanwhile(operator(deploy_mode="cluster", conf=conf), "_submit_sp")
    said = capsys.readouterr().out
    assert f"cannot delete the pod churn-driver ({error})" in said
    assert "spark-submit --kill has ended with exit code 0: killed spark:churn-driver" in said


@pytest.fixture
def airflows_client(monkeypatch) -> types.SimpleNamespace:
    """Stand in for Airflow's client; it raises `error`, if a test sets one."""
    client = types.SimpleNamespace(deleted=[], error=None)

    def delete(pod: str, namespace: str) -> None:
        client.deleted.append((pod, namespace))

    client.delete_namespaced_pod = delete

    def connected() -> types.SimpleNamespace:
        if client.error is not None:
            raise client.error
        return client

    monkeypatch.setattr(kube_client, "get_kube_client", connected)
    return client
