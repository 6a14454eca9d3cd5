"""What only the driver program as a whole can show, on a real Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import StopReason
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

def stuck_when_small(params):
    """Waits inside a library where no exception reaches it, with a child of its own."""
    if params["x"] < 0.5:
        subprocess.run(["sleep", "600"])
    return params["x"]
'''

Run = Callable[..., DriverProcess]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a study to its end."""
    made: list[DriverProcess] = []

    def to_its_end(**given: Any) -> DriverProcess:
        spec = Spec.of(space={"x": {"uniform": [0, 1]}}, seed=3, **given)
        code = {"objectives_of_a_test.py": OBJECTIVES}
        made.append(DriverProcess(tmp_path / "study", tmp_path / "work", spec, code=code))
        assert made[-1].wait() == 0, made[-1].log
        return made[-1]

    yield to_its_end
    for process in made:
        process.end()


def test_fresh_workers_give_each_trial_a_new_process(run: Run) -> None:
    study = run(objective="objectives_of_a_test:pid", max_evals=6, fresh_workers=True).journal()
    assert len({trial.info["pid"] for trial in study.trials.values()}) == 6
    assert {trial.info["trials"] for trial in study.trials.values()} == {1}


def test_trials_on_the_driver_that_hang_neither_keep_the_study_nor_outlive_it(run: Run) -> None:
    process = run(
        objective="objectives_of_a_test:stuck_when_small",
        max_evals=6,
        run_trials_on="driver",
        trial_timeout=1.0,
        algo="random",
    )
    study = process.journal()
    assert study.closed is not None
    assert study.closed.reason is StopReason.MAX_EVALS
    states = {trial.params["x"] < 0.5: trial.state for trial in study.trials.values()}
    assert states == {True: TrialState.FAILED, False: TrialState.OK}
    kinds = {trial.error.kind for trial in study.trials.values() if trial.error is not None}
    assert kinds == {FailureKind.TIMEOUT}
    assert process.left() == []
