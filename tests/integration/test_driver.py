"""Properties that only the complete driver program on a real Spark can show."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import FailureKind, TrialState
from tests.integration.driver_process import DriverProcess

pytestmark = pytest.mark.integration

OBJECTIVES = b'''
import os, subprocess, time

trials = 0

def pid(params):
    global trials
    trials += 1
    return {"loss": params["x"], "pid": os.getpid(), "trials": trials}

def slow(params, tries, trial):
    if trial.number == 0:
        with open(tries, "a") as file:
            file.write("x")
        os._exit(1)
    time.sleep(1)
    return params["x"]

def stuck_when_small(params):
    """Waits inside a library where no exception reaches it, with a child of its own."""
    if params["x"] < 0.5:
        subprocess.run(["sleep", "600"])
    return params["x"]
'''

EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"

Start = Callable[..., DriverProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a study."""
    made: list[DriverProcess] = []

    def begin(*, master: str = "local[2]", **given: Any) -> DriverProcess:
        spec = Spec.of(space={"x": {"uniform": [0, 1]}}, seed=3, **given)
        code = {"objectives_of_a_test.py": OBJECTIVES}
        made.append(DriverProcess(tmp_path / "study", tmp_path / "work", spec, code=code, master=master))
        return made[-1]

    yield begin
    for process in made:
        process.end()


def test_fresh_workers_give_each_trial_a_new_process(start: Start) -> None:
    process = start(objective="objectives_of_a_test:pid", max_evals=6, execution={"fresh_workers": True})
    assert process.wait() == 0, process.log
    study = process.journal()
    assert len({trial.info["pid"] for trial in study.trials.values()}) == 6
    assert {trial.info["trials"] for trial in study.trials.values()} == {1}


def test_hanging_trials_on_the_driver_end_with_the_study(start: Start) -> None:
    process = start(
        objective="objectives_of_a_test:stuck_when_small",
        max_evals=6,
        execution={"run_trials_on": "driver"},
        limits={"trial_timeout": 1.0},
        algo="random",
    )
    assert process.wait() == 0, process.log
    study = process.journal()
    assert study.closed is not None
    assert study.closed.reason is StopReason.MAX_EVALS
    states = {trial.params["x"] < 0.5: trial.state for trial in study.trials.values()}
    assert states == {True: TrialState.FAILED, False: TrialState.OK}
    kinds = {trial.error.kind for trial in study.trials.values() if trial.error is not None}
    assert kinds == {FailureKind.TIMEOUT}
    assert process.left() == []


def test_one_retry_policy_on_a_cluster(start: Start, tmp_path: Path) -> None:
    """A trial that kills its worker is not retried by Spark too; a lost executor is not a failure."""
    process = start(
        objective="objectives_of_a_test:slow",
        objective_kwargs={"tries": str(tmp_path / "tries")},
        max_evals=10,
        limits={"max_trial_retries": 1},
        master="local-cluster[2,1,1024]",
    )
    process.wait_until(lambda study: study.finished >= 3 and len(study.trials) == study.finished + 2)
    executor = next(each for each in process.processes() if EXECUTOR in (each.info["cmdline"] or ()))
    executor.kill()
    assert process.wait() == 0, process.log
    study = process.journal()
    # A cluster of that kind keeps its logs there, whatever folder it is started in.
    application = study.attempts[0].spark
    assert application is not None
    shutil.rmtree(Path(pyspark.__file__).parent / "work" / str(application.application))
    trials = study.trials
    assert trials[0].error is not None
    assert trials[0].error.kind is FailureKind.LOST
    assert (tmp_path / "tries").read_text() == "xx"
    others = [trial for trial in trials.values() if trial.number > 0]
    assert {trial.state for trial in others} == {TrialState.OK}
    # Spark itself retries a task if it does not count the loss as the application's failure.
    assert sorted(trial.tries for trial in others)[:-1] == [1] * 8
    assert process.left() == []
