"""The driver's JVM gets options for a quick start if it only schedules, unless the user sets others."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.orchestrator.deploy.child_process import QUICK_START, ChildProcess
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.study.definition import Spec


def options(folder: Path, *, conf: dict[str, str] | None = None, **given: Any) -> str:
    spec = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=1, **given)
    target = Target(master="local[2]", install=SparkInstall.find("spark-submit"), conf=conf or {})
    work = Path(tempfile.mkdtemp(dir=folder))
    submission = ChildProcess(target).submission(Job(address=str(folder), spec=spec), work)
    return submission.environment["SPARK_SUBMIT_OPTS"]


def test_trials_on_executors_get_it(tmp_path: Path) -> None:
    assert all(option in options(tmp_path) for option in QUICK_START)


def test_trials_on_the_driver_keep_the_jvms_own_compilers(tmp_path: Path) -> None:
    """Trials on the driver may work in its JVM, for example with MLlib."""
    assert not any(
        option in options(tmp_path, execution={"run_trials_on": "driver"}) for option in QUICK_START
    )


@pytest.mark.parametrize("name", ["spark.driver.extraJavaOptions", "SPARK_SUBMIT_OPTS"])
def test_a_chosen_collector_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A JVM with two garbage collectors does not start."""
    conf = {}
    if name.isupper():
        monkeypatch.setenv(name, "-XX:+UseG1GC")
    else:
        conf[name] = "-XX:+UseG1GC"
    assert "-XX:+UseSerialGC" not in options(tmp_path, conf=conf)
