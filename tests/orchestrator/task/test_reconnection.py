"""A retry finds the application of an earlier try on YARN and Kubernetes again, or starts another."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks import spark_submit as spark_hook
from airflow.providers.apache.spark.operators import spark_submit as spark_operator

from airflow_sparktune.errors import DriverLost
from airflow_sparktune.study.journal.follow import read_study
from tests.orchestrator.conftest import RUN, Store


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def durable(run, operator, spark_submit, resource_manager, store) -> Callable[..., Any]:
    """Run one try of a task whose YARN application succeeds."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("works on YARN", master="yarn", **extra)
    resource_manager.finished = True
    return lambda **given: run(
        operator(deploy_mode="cluster", yarn_track_via_rm_api=True, **given), store=store
    )[1]


class WorkerGone(BaseException):
    """Simulates the end of the task's process."""


@pytest.fixture
def when_it_waits(monkeypatch) -> Callable[[Callable[[], Any]], None]:
    """Set a callback for when the provider waits between two polls of the application."""

    def install(action: Callable[[], Any]) -> None:
        clock = types.SimpleNamespace(sleep=lambda _: action())
        monkeypatch.setattr(spark_hook, "time", clock)

    return install


def die() -> None:
    raise WorkerGone


def test_a_try_with_another_identity_starts_its_own_application(durable, storage) -> None:
    """A try does not reconnect to an application with another identity, even if an earlier try had it."""
    for rows in (1, 2, 1):
        durable(objective_kwargs={"rows": rows})
        study = read_study(str(storage / RUN / "g0")).study
        assert study.spec.objective_kwargs == {"rows": rows}
        assert study.result_stands


def test_a_running_application_is_kept_after_a_change_of_limits(
    durable, resource_manager, when_it_waits, capsys
) -> None:
    """The result of a running application is delivered with its older limits, and a warning."""
    resource_manager.finished = False
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        durable()
    when_it_waits(lambda: setattr(resource_manager, "finished", True))
    ti = durable(max_evals=5)
    assert ti.pushed["tuning_result"]["counts"]["ok"] == 3
    assert "with other limits; clear the task" in capsys.readouterr().out


def test_an_address_of_the_resource_manager_is_enough(
    run, operator, spark_submit, resource_manager, store
) -> None:
    """The provider itself would refuse the task without yarn_track_via_rm_api=True."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    spark_submit("works on YARN", master="yarn", **extra)
    resource_manager.finished = True
    run(operator(deploy_mode="cluster"), store=store)
    assert "application_1_0001" in store.values.values()


@pytest.mark.parametrize(("status", "trials"), [(503, 3), (404, 5)], ids=["away", "forgotten"])
def test_a_resource_manager_that_does_not_tell(
    durable, resource_manager, when_it_waits, status, trials
) -> None:
    """While it is away, the retry waits for the application; one that it does not know is replaced."""
    resource_manager.finished = False
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        durable()
    resource_manager.refuses = {"application_1_0001": status}
    when_it_waits(lambda: vars(resource_manager).update(refuses={}, finished=True))
    assert durable(max_evals=5).pushed["tuning_result"]["counts"]["ok"] == trials


def test_yarn_application_is_killed_after_a_reconnect(
    durable, operator, run, store, resource_manager, when_it_waits
) -> None:
    """A task that has reconnected to its application ends it when it is killed."""
    resource_manager.finished = False
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        durable()
    task = operator(deploy_mode="cluster", yarn_track_via_rm_api=True, max_evals=5)
    when_it_waits(task.on_kill)
    with pytest.raises(DriverLost, match="KILLED"):
        run(task, store=store)
    assert resource_manager.killed == ["application_1_0001"]


def test_an_ended_application_is_not_kept(durable) -> None:
    """With a larger max_evals, the study continues."""
    durable()
    assert durable(max_evals=5).pushed["tuning_result"]["counts"]["ok"] == 5


def test_a_running_pod_is_kept_after_a_succeeded_one(
    operator, run, store, spark_submit, when_it_waits, monkeypatch
) -> None:
    """The provider's record of a succeeded pod does not apply to the next one."""
    status = types.SimpleNamespace(phase="Succeeded", container_statuses=None)
    client = types.SimpleNamespace(read_namespaced_pod=lambda *_: types.SimpleNamespace(status=status))
    kubernetes = types.SimpleNamespace(get_kube_client=lambda: client, ApiException=OSError)
    for module in (spark_hook, spark_operator):
        monkeypatch.setattr(module, "kube_client", kubernetes)
    spark_submit("works on Kubernetes", master="k8s://https://cluster:443", namespace="tuning")

    def attempt(**given: Any) -> Any:
        task = operator(deploy_mode="cluster", track_driver_via_k8s_api=True, **given)
        return run(task, store=store)[1].pushed["tuning_result"]["counts"]["ok"]

    assert attempt() == 3
    status.phase = "Running"
    when_it_waits(die)
    with pytest.raises(WorkerGone):
        attempt(max_evals=5)
    when_it_waits(lambda: setattr(status, "phase", "Succeeded"))
    assert attempt(max_evals=7) == 5
