from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.spark.session import start_session
from tests.driver import spark_objectives

ROOT = Path(__file__).parents[2]
pytest.register_assert_rewrite("tests.driver.engines.suite")  # shows values when an assert fails


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkContext]:
    """One Spark for all driver tests, with two local slots."""
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


@pytest.fixture
def busy(spark: SparkContext, tmp_path: Path) -> Iterator[SparkContext]:
    """The same Spark without a free slot, like a cluster that starts no executor."""
    folder = tmp_path / "busy"
    folder.mkdir()
    hold = spark_objectives.hold
    held = threading.Thread(
        target=lambda: spark.parallelize([0, 1], 2).foreach(lambda number: hold(folder, number))
    )
    held.start()
    while len(list(folder.iterdir())) < 2:
        assert held.is_alive(), "Spark could not be kept busy"
        time.sleep(0.05)
    yield spark
    (folder / "enough").touch()
    held.join()
