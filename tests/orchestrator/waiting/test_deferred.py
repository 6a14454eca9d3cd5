"""A deferrable task gives its worker back after the submission, and resumes when the study has ended."""

from __future__ import annotations

import asyncio
import importlib
import json
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes import kube_client
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralTimeout, TaskDeferred

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.errors import DriverLost, ObjectiveError, SpecError, StorageUnavailable, describe
from airflow_sparktune.orchestrator.waiting import trigger as trigger_module
from airflow_sparktune.orchestrator.waiting.deferrable import DeferrableOperator
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage, open_storage
from airflow_sparktune.study.trial import Trial, TrialState
from tests.orchestrator.conftest import RUN, Store, TaskInstance

APPLICATION = "application_1_0001"


@dataclass
class Deferred:
    """A deferred task, as Airflow keeps it: everything has been JSON."""

    trigger: Any
    resume: tuple[str, dict[str, Any]]
    timeout: timedelta | None

    def event(self) -> dict[str, Any]:
        """Return what the trigger's first event resumes the task with."""

        async def first() -> Any:
            return await anext(aiter(self.trigger.run()))

        return {"event": json.loads(json.dumps(asyncio.run(first()).payload))}

    def resumed(self) -> tuple[str, dict[str, Any]]:
        method, kwargs = self.resume
        return method, {**kwargs, **self.event()}


def remade(trigger: Any) -> Any:
    """Return the trigger as another triggerer makes it."""
    name, kwargs = json.loads(json.dumps(trigger.serialize()))
    module, _, cls = name.rpartition(".")
    return getattr(importlib.import_module(module), cls)(**{**kwargs, "poll_s": 0.01})


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def on_yarn(spark_submit, resource_manager) -> Callable[[str], Callable[[], Any]]:
    """Install a stand-in for spark-submit on YARN with this behaviour."""
    extra = {"yarn_resourcemanager_webapp_address": resource_manager.address}
    return lambda behaviour: spark_submit(f"{behaviour} on YARN", master="yarn", **extra)


@pytest.fixture
def defer(run, operator, store) -> Callable[..., Deferred]:
    """Execute a deferrable task until it defers."""

    def deferred(task: Any = None, **given: Any) -> Deferred:
        if task is None:
            task = operator(deploy_mode="cluster", deferrable=True)
        with pytest.raises(TaskDeferred) as raised:
            run(task, store=store, **given)
        found = raised.value
        kwargs = json.loads(json.dumps(found.kwargs))
        return Deferred(remade(found.trigger), (found.method_name, kwargs), found.timeout)

    return deferred


@pytest.fixture
def resume(run, operator, store) -> Callable[..., tuple[Any, TaskInstance]]:
    """Resume the task in a process that knows nothing of the first one."""

    def resumed(how: tuple[str, dict[str, Any]], task: Any = None, **given: Any) -> tuple[Any, TaskInstance]:
        if task is None:
            task = operator(deploy_mode="cluster", deferrable=True)
        return run(task, store=store, resume=how, **given)

    return resumed


def drive(address: str) -> Recorder:
    """Open the submitted study as its driver does."""
    storage = open_storage(address)
    spec = Spec.from_json(json.loads(storage.read("spec.json")))
    return Recorder.open(storage, StudyFollower(storage), spec=spec, seed=1, dimensions=(), take_over=True)


def finish(recorder: Recorder) -> None:
    for number in range(3):
        trial = Trial(number=number, params={"x": number}, point={"x": number}, start=recorder.now)
        recorder.trial(trial.ended(TrialState.OK, end=recorder.now, loss=float(number)))
    recorder.close(StopReason.MAX_EVALS)


def test_all_that_follows_a_result_follows_a_deferred_one(
    on_yarn, defer, resume, run, operator, resource_manager, tmp_path
) -> None:
    """Return value and XComs are those of a task that has waited itself."""
    on_yarn("works")
    params, ti = resume(defer().resumed())
    resource_manager.finished = True
    elsewhere = {"deploy_mode": "cluster", "yarn_track_via_rm_api": True, "storage": str(tmp_path / "other")}
    waited, other = run(operator(**elsewhere))
    assert params == waited == {"x": 0}
    assert ti.pushed.keys() == other.pushed.keys() - {"study"}  # pushed before the deferral
    assert ti.pushed["tuning_result"]["counts"] == other.pushed["tuning_result"]["counts"]


def test_the_trigger_waits_for_the_verdict(on_yarn, defer, storage) -> None:
    """The application's end is not awaited. An attempt without a verdict is no end."""
    on_yarn("detaches")
    deferred = defer()
    recorder = drive(str(storage / RUN / "g0"))

    async def look() -> Any:
        first = asyncio.ensure_future(anext(aiter(deferred.trigger.run())))
        done, _ = await asyncio.wait([first], timeout=0.2)
        assert not done
        finish(recorder)
        return await asyncio.wait_for(first, timeout=10)

    assert asyncio.run(look()).payload["how"] == "verdict"


def test_an_application_that_ends_without_a_verdict(
    on_yarn, defer, resume, storage, resource_manager
) -> None:
    """The task fails as one that has waited itself, and a retry can help."""
    on_yarn("detaches")
    deferred = defer()
    drive(str(storage / RUN / "g0"))
    resource_manager.killed.append(APPLICATION)
    with pytest.raises(DriverLost, match="ended without a verdict after 0 finished trials") as raised:
        resume(deferred.resumed())
    assert str(raised.value.__cause__) == f"the application {APPLICATION} ended with status FAILED"


def test_an_end_is_noticed_although_the_storage_is_away(
    on_yarn, defer, resource_manager, monkeypatch
) -> None:
    on_yarn("detaches")
    deferred = defer()
    monkeypatch.setattr(LocalStorage, "names", out_of_reach)
    resource_manager.killed.append(APPLICATION)
    assert deferred.event()["event"] == {"how": "application", "detail": "FAILED"}


def out_of_reach(*_: Any) -> Any:
    raise StorageUnavailable("the bucket does not respond")


def test_a_worker_asks_if_the_triggerer_gets_no_answer(
    on_yarn, defer, resume, store, resource_manager, monkeypatch
) -> None:
    """While the application runs, the task defers again; once it has ended, its result is collected."""
    on_yarn("works")
    deferred = defer()
    monkeypatch.setattr(trigger_module, "TROUBLE_S", 0.0)
    monkeypatch.setattr(LocalStorage, "names", out_of_reach)
    how = deferred.resumed()
    assert how[1]["event"] == {"how": "trouble", "detail": "the bucket does not respond"}
    monkeypatch.undo()
    on_yarn("works")
    with pytest.raises(TaskDeferred) as again:
        resume(how)
    assert remade(again.value.trigger).serialize() == deferred.trigger.serialize()
    resource_manager.finished = True
    assert resume(how)[0] == {"x": 0}
    resource_manager.refuses[APPLICATION] = 500
    with pytest.raises(DriverLost, match="a retry finds the application again"):
        resume(how)


def test_a_kill_ends_the_application_of_its_trigger_only(on_yarn, defer, resource_manager) -> None:
    """Airflow calls on_kill if CancelledError leaves run(). The next try may have an application by then."""
    on_yarn("detaches")
    deferred = defer()

    async def cancelled() -> None:
        running = asyncio.ensure_future(anext(aiter(deferred.trigger.run())))
        await asyncio.sleep(0.05)
        running.cancel("user-action")
        with pytest.raises(asyncio.CancelledError):
            await running
        await deferred.trigger.on_kill()

    asyncio.run(cancelled())
    assert resource_manager.killed == [APPLICATION]


def test_a_retry_finds_the_application_and_a_clear_does_not(on_yarn, defer, tmp_path) -> None:
    """After a clear, the trigger of the earlier try may still be about to end that application."""
    submitted = on_yarn("detaches")
    defer()
    assert submitted() is not None
    (tmp_path / "note.json").unlink()
    defer()
    assert submitted() is None
    defer(clears=1, max_tries=1)
    assert submitted() is not None


def test_a_timeout_ends_the_application(on_yarn, operator, defer, resume, resource_manager) -> None:
    """The limit is the one of the task, and the id is the stored one."""
    on_yarn("detaches")
    deferred = defer(operator(deploy_mode="cluster", deferrable=True, execution_timeout=timedelta(hours=1)))
    assert timedelta(minutes=59) < deferred.timeout <= timedelta(hours=1)
    with pytest.raises(TaskDeferralTimeout):
        resume(("__fail__", {"error": "Trigger timeout"}))
    assert resource_manager.killed == [APPLICATION]


def test_a_lasting_error_fails_the_task_for_good(on_yarn, defer, resume, storage, resource_manager) -> None:
    """A cluster may start a failed driver again, so the application's end is awaited."""
    on_yarn("detaches")
    deferred = defer()
    recorder = drive(str(storage / RUN / "g0"))
    recorder.close(StopReason.ERROR, error=describe(ObjectiveError("no such module")))
    resource_manager.killed.append(APPLICATION)
    with pytest.raises(AirflowFailException, match="no such module"):
        resume(deferred.resumed())


def test_commands_after_the_job_run_with_the_result(on_yarn, operator, run, defer, resume, tmp_path) -> None:
    """Or at once, if there is no application."""
    ended = tmp_path / "ended"
    on_yarn("works")

    def task() -> Any:
        return operator(deploy_mode="cluster", deferrable=True, post_submit_commands=[f"touch {ended}"])

    deferred = defer(task())
    assert not ended.exists()
    resume(deferred.resumed(), task())
    assert ended.exists()
    ended.unlink()
    on_yarn("fails to submit")
    with pytest.raises(DriverLost):
        run(task(), clears=1, max_tries=1)
    assert ended.exists()


def test_a_script_is_awaited_to_its_own_end(on_yarn, operator, defer, resource_manager, tmp_path) -> None:
    """Its program may go on after the study."""
    script = tmp_path / "fmin.py"
    script.write_text("")
    on_yarn("detaches")
    given = {"objective": None, "space": None, "max_evals": None, "seed": None}
    deferred = defer(operator(deploy_mode="cluster", deferrable=True, application=str(script), **given))
    assert deferred.trigger.serialize()[1]["waiting"]["study"] is None
    resource_manager.finished = True
    assert deferred.event()["event"] == {"how": "application", "detail": "SUCCEEDED"}


def test_client_mode_is_refused(operator, run, spark_submit) -> None:
    """While the DAG is parsed if the mode is literal; otherwise the connection decides."""
    spark_submit("works")
    with pytest.raises(
        SpecError, match="deferrable=True needs deploy_mode='cluster', got 'client'; in client"
    ):
        operator(deferrable=True, deploy_mode="client")
    with pytest.raises(AirflowFailException, match=r"got 'client' on local\[2\]"):
        run(operator(deferrable=True))


def test_segments_are_refused(operator) -> None:
    with pytest.raises(SpecError, match="deferrable must be left out with segments, got True"):
        operator(deferrable=True, segments=[{"name": "north"}])


def test_the_result_of_an_earlier_try_needs_no_trigger(on_yarn, defer, resume, run, operator, store) -> None:
    on_yarn("works")
    resume(defer().resumed())
    assert run(operator(deploy_mode="cluster", deferrable=True), store=store)[0] == {"x": 0}


def test_a_pod_is_found_and_ended_by_its_id(spark_submit, monkeypatch) -> None:
    """The triggerer knows the namespace and the pod, and the connection."""
    pods = {("tuning", "sparktune-1-driver"): types.SimpleNamespace(phase="Running", container_statuses=None)}
    client = types.SimpleNamespace(
        read_namespaced_pod=lambda pod, namespace: types.SimpleNamespace(status=pods[namespace, pod]),
        delete_namespaced_pod=lambda pod, namespace, **_: pods.pop((namespace, pod)),
    )
    monkeypatch.setattr(kube_client, "get_kube_client", lambda: client)
    spark_submit("works", master="k8s://https://cluster:443")
    pod = "tuning:sparktune-1-driver"
    operator = DeferrableOperator.of("spark_default", pod)
    assert operator.ended_status(pod) is None
    pods["tuning", "sparktune-1-driver"].phase = "Failed"
    assert operator.ended_status(pod) == "Failed"
    operator.end_by_id(pod)
    assert pods == {}
