"""After kill -9 of a real driver during a confirmation, the retry makes the same decision."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialPurpose, TrialState
from tests.integration.driver_process import DriverProcess

pytestmark = pytest.mark.integration

OBJECTIVE = b"""
import random, time

def loss(params, trial):
    time.sleep(0.3 if trial.purpose == "confirm" else 0)
    return 1 + (params["x"] - 0.3) ** 2 + random.Random(f"{trial.seed} {params}").gauss(0, 0.001)
"""


def confirmed(study: Study) -> int:
    repeats = (trial for trial in study.trials.values() if trial.purpose is TrialPurpose.CONFIRM)
    return sum(trial.state is TrialState.OK for trial in repeats)


def started(folder: Path, name: str) -> DriverProcess:
    """Return the spec of a retuning with a poor incumbent; studies and champions are in `folder`."""
    spec = Spec.of(
        objective="objective_of_a_retuning:loss",
        space={"x": {"uniform": [0, 1]}},
        max_evals=8,
        seed=3,
        algo="random",
        retuning={"incumbent": {"x": 0.9}},
        champions=str(folder),
    )
    code = {"objective_of_a_retuning.py": OBJECTIVE}
    return DriverProcess(folder / "study", folder / f"work-{name}", spec, code=code)


def test_the_retry_makes_the_same_decision(tmp_path: Path) -> None:
    """Finished repeats are kept, and the decision is that of an undisturbed driver, recorded once."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    undisturbed = started(undisturbed, "1")
    try:
        assert undisturbed.wait() == 0, undisturbed.log
        expected = undisturbed.journal().decision
    finally:
        undisturbed.end()
    first = started(killed, "1")
    try:
        before = first.wait_until(lambda study: confirmed(study) >= 4)
        os.kill(first.driver.pid, signal.SIGKILL)
        first.wait()
    finally:
        first.end()
    assert before.decision is None
    kept = {number: trial for number, trial in before.trials.items() if trial.state is TrialState.OK}
    retry = started(killed, "2")
    try:
        assert retry.wait() == 0, retry.log
        after = retry.journal()
    finally:
        retry.end()
    assert expected is not None
    assert after.decision == expected
    assert {number: after.trials[number] for number in kept} == kept
    assert [entry.action for entry in Champions(str(killed)).history()] == [Action.REPLACED]
