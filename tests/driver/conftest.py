from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.spark_slots import start_session

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkContext]:
    """One Spark for all tests of this room: two slots on this machine."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)
    patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    scratch = tmp_path_factory.mktemp("spark")
    patch.setenv(
        "PYSPARK_SUBMIT_ARGS",
        f"--master local[2] --conf spark.ui.enabled=false --conf spark.local.dir={scratch} "
        "--conf spark.log.level=ERROR pyspark-shell",
    )
    session = start_session("tests of the driver")
    yield session.sparkContext
    session.stop()
    patch.undo()
