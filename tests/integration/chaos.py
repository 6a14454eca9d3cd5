"""What the tests that kill processes have in common."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import psutil

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from tests.integration.driver_process import DriverProcess

# Every trial has a child process, which an interrupted trial cannot end.
OBJECTIVE = b"""
import subprocess, time

def loss(params, seconds=0.2):
    child = subprocess.Popen(["sleep", "600"])
    time.sleep(seconds)
    child.kill()
    child.wait()
    return (params["x"] - 0.3) ** 2
"""


def ended(study: Study) -> dict[int, Trial]:
    return {number: trial for number, trial in study.trials.items() if trial.counts}


def goes_on_from(before: Study, folder: Path) -> Study:
    """Return the study now; checks that what has ended or was decided is unchanged, and params always."""
    follower = read_study(str(folder))
    assert follower.problems == []
    assert before.decision in (None, follower.study.decision)
    after = follower.study.trials
    for number, trial in before.trials.items():
        assert after[number].params == trial.params
        if trial.counts or trial.state is TrialState.OK:
            assert after[number] == trial
            assert follower.study.curves.get(number) == before.curves.get(number)
    return follower.study


def kill_driver(process: DriverProcess) -> None:
    process.driver.kill()


def kill_jvm(process: DriverProcess) -> None:
    process.submit.send_signal(signal.SIGKILL)


def kill_family(process: DriverProcess) -> None:
    """Kill spark-submit, the driver, pyspark's daemon and workers, but no guards and no trials' children."""
    process.submit.send_signal(signal.SIGSTOP)  # it starts no other
    submit = psutil.Process(process.submit.pid)
    for each in submit.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if each.name().startswith(("java", "python")):
                each.kill()
    process.submit.kill()


def kill_workers(process: DriverProcess) -> None:
    for each in workers_of(process):
        with suppress(psutil.NoSuchProcess):
            each.kill()


def workers_of(process: DriverProcess) -> list[psutil.Process]:
    """Return the Python workers, which pyspark's daemon has forked."""
    daemons = [each for each in process.processes() if "pyspark.daemon" in (each.info["cmdline"] or ())]
    numbers = {each.pid for each in daemons}
    return [each for each in daemons if each.info["ppid"] in numbers]
