"""Tuning tasks under a real scheduler: run, retry, clear, map and kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin
from tests.integration.airflow_site import Run, Site, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def address(run: Run, *, generation: int = 0, index: int = -1) -> str:
    storage = str(run.site.home / "sparktune")
    return study_address(
        storage, dag_id=run.dag, task_id="tune", run_id=run.run, map_index=index, generation=generation
    )


def study(run: Run, **where: int) -> Study:
    return read_study(address(run, **where)).study


def wait_for_trials(run: Run, count: int) -> None:
    """Wait until this many trials have finished."""
    wait_for(
        lambda: study(run).finished, lambda finished: finished >= count, what=f"{count} trials of {run.dag}"
    )


def family(run: Run, *, generation: int = 0) -> list[psutil.Process]:
    """Return the JVM and the Python driver of a run's study."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if address(run, generation=generation) in (process.info["cmdline"] or [])
    ]


def drivers(run: Run) -> list[psutil.Process]:
    return [process for process in family(run) if "java" not in process.name()]


# retune_digits runs while a browser watches it: tests/dashboard/browser/test_airflow_tab.py.
EXAMPLES = ["retune_mllib", "retune_taskflow", "retune_torch", "retune_torch_distributed"]


@pytest.mark.parametrize("dag", EXAMPLES)
def test_example(airflow: Site, dag: str) -> None:
    """Each example DAG succeeds when Airflow runs it."""
    if "torch" in dag:
        pytest.importorskip("torch", reason="PyTorch is not installed here: tools/torch.sh .venv installs it")
    run = airflow.trigger(dag)
    last = {"retune_taskflow": "announce", "retune_torch_distributed": "tune"}.get(dag, "train")
    run.wait("success", "failed", "upstream_failed", task=last)
    assert run.state(task=last) == "success", run.log()
    assert run.xcom() == run.xcom(key="tuning_result")["best_params"]
    assert run.xcom(key="best_loss") == summary(study(run)).best_loss
    if dag == "retune_torch":
        scores = run.xcom(task="train")
        assert scores["accuracy"] > scores["default_accuracy"]
        assert Path(scores["model"]).is_file()


def test_no_dag_runs_by_the_clock(airflow: Site) -> None:
    """Otherwise a weekly DAG that a test unpauses on a Sunday would have one run more."""
    dags = wait_for(
        lambda: airflow.call("GET", "dags")["dags"],
        lambda dags: {"retune_weekly", "train_production"} <= {each["dag_id"] for each in dags},
        what="the examples to be parsed",
    )
    schedules = {each["dag_id"]: each["timetable_summary"] for each in dags}
    assert [each["dag_id"] for each in dags if each["next_dagrun_run_after"]] == []
    assert (schedules["retune_weekly"], schedules["train_production"]) == (None, "Asset")


def test_killed_driver_is_resumed(airflow: Site) -> None:
    """After kill -9 of the driver at trial 12, the retry ends with exactly 30 and keeps the earlier ones."""
    run = airflow.trigger("resumed")
    wait_for_trials(run, 11)
    (driver,) = drivers(run)
    os.kill(driver.pid, signal.SIGKILL)
    before = {number: trial for number, trial in study(run).trials.items() if trial.counts}
    assert len(before) >= 11
    run.wait("success", "failed")
    after = study(run)
    assert run.tries() == 2
    assert [after.finished, sorted(after.trials)] == [30, list(range(30))]
    assert {number: after.trials[number] for number in before} == before
    assert [attempt.number for attempt in after.attempts] == [1, 2]
    assert run.xcom() == after.best.params
    assert run.xcom(key="tuning_result")["attempts"] == 2


def test_misspelled_module_has_a_short_error_and_is_not_retried(airflow: Site) -> None:
    """A misspelled module fails the task permanently at the first of seven tries."""
    run = airflow.trigger("misspelled")
    run.wait("failed")
    assert run.tries() == 1
    assert "did you mean 'objectives:quadratic'?" in run.log()


@pytest.mark.timeout(600)  # three studies, one after another
def test_decorated_objective_and_clear(airflow: Site) -> None:
    """A decorated task takes and returns XComs; clearing it starts a new study and keeps the old one.

    A new run with the id of a deleted one starts a new study, too.
    """
    run = airflow.trigger("chained")
    run.wait("success", "failed", "upstream_failed", task="consume")
    first = study(run)
    assert first.finished == 6, run.log()
    assert run.xcom(task="consume") == first.best.params["x"]
    assert {trial.info["number"] for trial in first.trials.values()} == set(range(6))
    run.wait_for_end()  # a task that is cleared while the scheduler ends the run is not run again
    run.clear("tune")
    wait_for(lambda: study(run, generation=1).result_stands, what="the result of the second study")
    run.wait("success")
    second = study(run, generation=1)
    assert second.attempts[0].opened > first.closed.at
    assert run.xcom(key="study") == address(run, generation=1)
    assert study(run).closed == first.closed
    run.wait_for_end()
    run.delete()
    run = airflow.trigger("chained")
    run.wait("success", "failed", "upstream_failed", task="consume")
    third = study(run, generation=2)
    assert (third.finished, len(third.attempts)) == (6, 1), run.log()
    assert third.attempts[0].opened > second.closed.at
    assert run.xcom(key="study") == address(run, generation=2)


def test_mapped(airflow: Site) -> None:
    """Each of two map indexes has a study, and a task can be mapped over their results."""
    run = airflow.trigger("mapped")
    for index in (0, 1):
        run.wait("success", "failed", task="tune", index=index)
    for index, target in enumerate((0.1, 0.9)):
        found = study(run, index=index)
        assert found.finished == 4
        assert found.spec.objective_kwargs == {"by": target}
        run.wait("success", task="consume", index=index)
        assert run.xcom(task="consume", index=index) == found.best.params["x"]


def test_script_around_fmin(airflow: Site) -> None:
    """The best params of a script are pushed to XCom, and its output is in the log."""
    run = airflow.trigger("scripted")
    run.wait("success", "failed")
    found = study(run)
    assert found.finished == 6, run.log()
    assert run.xcom() == found.best.params
    assert "the script's own last line: ['x']" in run.log()
    assert run.site.call("GET", f"{run.path('tune')}/state-store/tuning")["value"]["done"] == "6/6"


def test_task_cleared_while_it_runs_goes_on_and_marked_failed_leaves_nothing(airflow: Site) -> None:
    """After the clear, the next study has the finished trials of the killed one.

    Marked failed, the driver records that it was killed; no process and no work folder remains.
    """
    run = airflow.trigger("endless")
    wait_for_trials(run, 2)
    run.clear("tune")
    wait_for(
        lambda: study(run, generation=1).finished,
        lambda finished: finished > study(run).finished,
        what="trials of the next study",
    )
    assert study(run).closed.reason is StopReason.KILLED
    for trial in filter(lambda each: each.counts, study(run).ended_trials):
        taken = study(run, generation=1).trials[trial.number]
        assert (taken.params, taken.loss, taken.origin) == (trial.params, trial.loss, TrialOrigin.ADOPTED)
    members = family(run, generation=1)
    everybody = [each for member in members for each in (member, *member.children(recursive=True))]
    work = next(
        Path(line[line.index("--work") + 1]) for member in members if "--work" in (line := member.cmdline())
    )
    assert len(members) >= 2
    run.mark_failed()
    _, alive = psutil.wait_procs(everybody, timeout=30)
    assert alive == []
    wait_for(lambda: not work.exists(), what=f"{work} to be removed", within_s=10)
    assert study(run, generation=1).closed.reason is StopReason.KILLED


def test_killed_task_process_leaves_nothing(airflow: Site) -> None:
    """SIGKILL of the task's process ends JVM, driver and workers; no failed trial is recorded."""
    run = airflow.trigger("endless", run="r2")
    wait_for_trials(run, 2)
    (driver,) = drivers(run)
    jvm = driver.parent()
    everybody = [jvm, *jvm.children(recursive=True)]
    os.kill(jvm.ppid(), signal.SIGKILL)
    _, alive = psutil.wait_procs(everybody, timeout=15)
    assert alive == []
    assert all(trial.error is None for trial in study(run).trials.values())
