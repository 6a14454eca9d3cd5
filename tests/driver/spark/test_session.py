"""The session has defaults for trials, which the user's settings override."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sparktune.orchestrator.deploy.child_process import ChildProcess
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall

pytestmark = pytest.mark.integration

PROGRAM = """
import json
from airflow_sparktune.driver.spark.session import start_session
conf = start_session("ours").sparkContext.getConf()
print(json.dumps(dict(conf.getAll())))
"""

SCRIPT = """
import json, sys
from pathlib import Path
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.python.task.killTimeout", "5s").getOrCreate()
Path(sys.argv[1]).write_text(json.dumps(dict(spark.sparkContext.getConf().getAll())))
"""


def test_a_script_that_makes_its_own_session(tmp_path: Path) -> None:
    """A script's own session gets the defaults; settings of the script and of spark-submit override them."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    target = Target(
        master="local[2]",
        conf={"spark.executorEnv.OMP_NUM_THREADS": "7", "spark.ui.enabled": "false"},
        install=SparkInstall.find("spark-submit"),
    )
    job = Job(address=str(tmp_path / "study"), script=(str(script), str(tmp_path / "conf.json")))
    lines: list[str] = []
    launcher = ChildProcess(target, output=lines.append)
    failure = launcher.follow(launcher.submission(job, tmp_path), start=lambda: None)
    assert failure is None, "\n".join(lines)
    conf = json.loads((tmp_path / "conf.json").read_text())
    assert conf["spark.python.task.killTimeout"] == "5s"
    assert conf["spark.executorEnv.OMP_NUM_THREADS"] == "7"
    assert conf["spark.executorEnv.MKL_NUM_THREADS"] == "1"
    assert "spark.task.maxFailures" not in conf  # the session may run other work than trials
    assert conf["spark.python.unix.domain.socket.enabled"] == "true"


def test_submitted_settings_override_the_defaults() -> None:
    """Settings given to spark-submit are kept; unset ones get the defaults."""
    given = (
        "--master local[2] --name theirs --conf spark.task.cpus=2 --conf spark.python.worker.reuse=false "
        "--conf spark.executorEnv.OMP_NUM_THREADS=7 --conf spark.ui.enabled=false pyspark-shell"
    )
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": given},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    conf = json.loads(completed.stdout.splitlines()[-1])
    assert conf["spark.app.name"] == "theirs"
    assert conf["spark.python.worker.reuse"] == "false"
    assert conf["spark.executorEnv.OMP_NUM_THREADS"] == "7"
    assert conf["spark.executorEnv.OPENBLAS_NUM_THREADS"] == "2"  # the number of cores of a trial
    assert conf["spark.python.unix.domain.socket.enabled"] == "true"
