"""The session's settings: defaults that whoever submits can override."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROGRAM = """
import json
from airflow_sparktune.driver.session import start_session
conf = start_session("ours").sparkContext.getConf()
print(json.dumps(dict(conf.getAll())))
"""


def test_what_was_submitted_wins() -> None:
    """A conf or a name given to spark-submit is left alone; what nobody set is ours."""
    given = (
        "--master local[2] --name theirs --conf spark.task.cpus=2 --conf spark.python.worker.reuse=false "
        "--conf spark.executorEnv.OMP_NUM_THREADS=7 --conf spark.ui.enabled=false pyspark-shell"
    )
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": given},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    conf = json.loads(told.stdout.splitlines()[-1])
    assert conf["spark.app.name"] == "theirs"
    assert conf["spark.python.worker.reuse"] == "false"
    assert conf["spark.executorEnv.OMP_NUM_THREADS"] == "7"
    assert conf["spark.executorEnv.OPENBLAS_NUM_THREADS"] == "2"  # as many as a trial has cores
    assert conf["spark.python.unix.domain.socket.enabled"] == "true"
