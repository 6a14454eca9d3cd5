"""A running driver is protected from others on the machine, on the network and in the study folder."""

from __future__ import annotations

import json
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from airflow_sparktune.study.definition import Spec
from tests.integration.driver_process import DriverProcess

pytestmark = pytest.mark.integration

# A secret in a file that only this user can read, and one in a setting for the executors' environment.
OBJECTIVE = b"""
import os
import time
from pathlib import Path

def connect(params, key_file, trial):
    assert os.environ["DB_PW"] == "hunter2"
    assert Path(key_file).read_text() == "hunter3"
    while trial.number > 0 and not Path(key_file).with_name("looked").exists():
        time.sleep(0.1)
    return params["x"]
"""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text("hunter3")
    file.chmod(0o600)
    return file


@pytest.fixture
def driver(tmp_path: Path, key_file: Path) -> Iterator[DriverProcess]:
    spec = Spec.of(
        objective="secretive:connect",
        objective_kwargs={"key_file": str(key_file)},
        space={"x": {"uniform": [0, 1]}},
        max_evals=12,
    )
    conf = {"spark.ui.enabled": "true", "spark.ui.port": "0", "spark.executorEnv.DB_PW": "hunter2"}
    process = DriverProcess(
        tmp_path / "study", tmp_path / "work", spec, code={"secretive.py": OBJECTIVE}, conf=conf
    )
    yield process
    process.end()


def test_a_secret_is_visible_nowhere(driver: DriverProcess, tmp_path: Path) -> None:
    """It is not in the process list, on the Spark UI's pages, in spec and journal, or in the logs."""
    study = driver.wait_until(lambda study: study.finished >= 1)
    spark = study.attempts[-1].spark
    assert spark is not None
    lines = [" ".join(process.info["cmdline"] or ()) for process in driver.processes()]
    environment = f"api/v1/applications/{spark.application}/environment"
    pages = [
        urllib.request.urlopen(f"{spark.ui}/{page}").read().decode()
        for page in (environment, "environment/", "executors/", "jobs/")
    ]
    (tmp_path / "looked").touch()
    assert '"spark.executorEnv.DB_PW", "*********(redacted)"' in pages[0]
    assert len(lines) > 2
    assert driver.wait() == 0
    assert driver.journal().best is not None, driver.log
    files = [path.read_text() for path in driver.study.rglob("*") if path.is_file()]
    spark_log = (driver.work / "spark.log").read_text()
    for place in (*lines, *pages, *files, driver.log, spark_log):
        assert "hunter" not in place
    assert stat.S_IMODE((driver.work / "spark.properties").stat().st_mode) == 0o600


def test_a_local_driver_listens_on_loopback_only(driver: DriverProcess, tmp_path: Path) -> None:
    """This holds for RPC, block manager and UI, and the UI cannot end jobs."""
    study = driver.wait_until(lambda study: study.finished >= 1)
    own = {process.pid for process in driver.processes()}
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.pid in own and connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert listening
    spark = study.attempts[-1].spark
    assert spark is not None
    ui = spark.ui
    assert ui is not None
    assert ui.startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{ui}/stages/stage/kill/?id=0", method="POST")
    urllib.request.urlopen(request).read()
    (tmp_path / "looked").touch()
    assert driver.wait() == 0
    assert driver.journal().finished == 12


def test_a_replaced_spec_is_not_run(tmp_path: Path) -> None:
    """Users who may write to the study folder cannot choose what the driver runs."""
    spec = Spec.of(objective="m:f", space={"x": {"uniform": [0, 1]}}, max_evals=2)
    driver = DriverProcess(tmp_path / "study", tmp_path / "work", spec, code={"m.py": b"def f(p): return 0"})
    try:
        other = {**spec.to_json(), "objective": "subprocess:getoutput"}
        (driver.study / "spec.json").write_text(json.dumps(other))  # while Spark starts
        assert driver.wait() == 1
        assert "must be the one that was submitted" in driver.log
        assert driver.journal().attempts == []
    finally:
        driver.end()
