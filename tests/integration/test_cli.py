"""`sparktune` with real Spark: run, kill, continue, show, and the errors of broken platforms."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.stopping import StopReason
from tests.integration.airflow_site import wait_for

pytestmark = pytest.mark.integration

SPARKTUNE = str(Path(sys.executable).parent / "sparktune")
OBJECTIVES = Path(__file__).parent / "dags" / "objectives.py"
FIELDS = {"number", "params", "loss", "state", "start", "end", "slot", "attempt", "error"}

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start `sparktune run` with a valid spec, which a test can override."""

    def run(*, master: str = "local[2]", **given: Any) -> subprocess.Popen[str]:
        spec = {
            "objective": "objectives:quadratic",
            "space": {"x": {"uniform": [0, 1]}},
            "max_evals": 4,
            "seed": 5,
            **given,
        }
        (tmp_path / "objectives.py").write_bytes(OBJECTIVES.read_bytes())
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
        command = [
            SPARKTUNE,
            "run",
            str(tmp_path / "spec.yaml"),
            "--study",
            study(tmp_path),
            "--master",
            master,
        ]
        return subprocess.Popen(
            command,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    return run


def study(folder: Path) -> str:
    return str(folder / "study")


def wait_for_trials(folder: Path, count: int) -> None:
    """Wait until this many trials have finished."""
    wait_for(
        lambda: read_study(study(folder)).study.finished,
        lambda finished: finished >= count,
        what=f"{count} trials",
        within_s=240,
    )


def output(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=240)[0]


def show(folder: Path) -> Any:
    return json.loads(subprocess.check_output([SPARKTUNE, "show", study(folder), "--json"], text=True))


def test_killed_and_continued(start: Start, tmp_path: Path) -> None:
    """30 trials on 2 slots, kill -9 at trial 12: the same command completes 30 and keeps the first 11."""
    spec = {"max_evals": 30, "parallelism": 2, "objective_kwargs": {"sleep": 0.2}}
    first = start(**spec)
    wait_for_trials(tmp_path, 11)
    for process in psutil.Process(first.pid).children(recursive=True):
        if "python" in process.name() and study(tmp_path) in process.cmdline():
            os.kill(process.pid, signal.SIGKILL)
    assert "the same command continues the study" in output(first)
    before = {row["number"]: row for row in show(tmp_path)["trial_rows"] if row["state"] == "ok"}
    assert first.returncode == 1
    again = start(**spec)
    said = output(again)
    assert re.search(r"\[30/30\] trial [0-9]+ ok loss=[0-9.e-]+ (\(best\) )?[0-9.]+ s x=[0-9.]+", said)
    assert "Traceback" not in said  # Python workers end before the JVM closes their sockets
    assert again.returncode == 0
    after = show(tmp_path)
    rows = after["trial_rows"]
    assert [row["number"] for row in rows] == list(range(30))
    assert all(set(row) >= FIELDS and row["state"] == "ok" for row in rows)
    assert {number: rows[number] for number in before} == before
    assert len(before) >= 11
    assert after["best_loss"] == min(row["loss"] for row in rows)
    assert "already has a result" in output(start(**spec))


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set the temporary folder of Python and Java; tmp_path is too deep for sockets."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-Djava.io.tmpdir={name}")
        yield Path(name)


def left_in(folder: Path) -> list[str]:
    # A JVM's performance data are removed when the next JVM starts.
    return [path.name for path in folder.iterdir() if not path.name.startswith("hsperfdata_")]


def test_nothing_is_left_in_the_temporary_folder(start: Start, temporary: Path) -> None:
    process = start()
    assert "best loss" in output(process)
    assert process.returncode == 0
    assert left_in(temporary) == []


@pytest.fixture
def at_work(start: Start, tmp_path: Path, temporary: Path) -> subprocess.Popen[str]:
    """Start a run without an end that has finished a trial."""
    process = start(max_evals=10_000, objective_kwargs={"sleep": 0.2})
    wait_for_trials(tmp_path, 1)
    return process


def test_terminated(at_work: subprocess.Popen[str], tmp_path: Path, temporary: Path) -> None:
    """After SIGTERM, nothing of the run remains."""
    process, family = at_work, psutil.Process(at_work.pid).children(recursive=True)
    process.terminate()
    assert "killed; run the same command to continue" in output(process)
    assert process.returncode == 143
    closed = read_study(study(tmp_path)).study.closed
    assert closed is not None
    assert closed.reason is StopReason.KILLED
    assert psutil.wait_procs(family, timeout=15)[1] == []
    assert left_in(temporary) == []


def test_killed_at_once(at_work: subprocess.Popen[str], temporary: Path) -> None:
    """After SIGKILL, the driver ends by itself and removes its files."""
    process, family = at_work, psutil.Process(at_work.pid).children(recursive=True)
    process.kill()
    output(process)
    assert psutil.wait_procs(family, timeout=15)[1] == []
    assert left_in(temporary) == []


def test_objective_that_returns_nothing(start: Start) -> None:
    """The study stops after five trials, or six if one more was about to end, with the reason."""
    process = start(objective="objectives:none", max_evals=50)
    told = output(process)
    assert process.returncode == 2
    assert "the objective must return a finite loss, or a dict with one as 'loss', got None" in told
    assert re.search("all [56] that ended have failed", told)


def test_missing_objective(start: Start) -> None:
    """One sentence with the nearest name is printed before Spark starts."""
    process = start(objective="objectives:quadratik")
    told = output(process)
    assert process.returncode == 2
    assert "has no 'quadratik'; did you mean 'quadratic'?" in told
    assert "Traceback" not in told


def test_another_python_on_the_executors(start: Start, tmp_path: Path) -> None:
    """One sentence names both versions and their places, in place of a traceback per trial."""
    (tmp_path / "other").mkdir()
    # This worker claims to be another release: PySpark compares sys.version_info.
    (tmp_path / "other" / "sitecustomize.py").write_text(
        "import sys, collections\n"
        "Info = collections.namedtuple('Info', 'major minor micro releaselevel serial')\n"
        "sys.version_info = Info(3, 99, 0, 'final', 0)\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/other:$PYTHONPATH exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    process = start(conf={"spark.pyspark.python": str(python)})
    told = output(process)
    assert process.returncode == 2
    assert "driver and executors must run the same Python, got 3." in told
    assert "set spark.pyspark.python" in told


def test_no_python_on_the_executors(start: Start) -> None:
    """The error names the missing interpreter."""
    process = start(conf={"spark.pyspark.python": "/nowhere/python3"})
    told = output(process)
    assert process.returncode == 2
    assert "executors must find the Python interpreter '/nowhere/python3', but it is not there" in told


def test_doctor_examines_a_connection_by_one_trial(tmp_path: Path) -> None:
    """Standard output is only the JSON, and nothing is left in the storage."""
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_A_SPARK": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    }
    (tmp_path / "studies").mkdir()
    command = [SPARKTUNE, "doctor", "--conn-id", "a_spark", "--storage", str(tmp_path / "studies"), "--json"]
    told = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    checks = json.loads(told.stdout)["checks"]
    assert [each["state"] for each in checks] == ["ok"] * 6
    executor = next(each["text"] for each in checks if each["name"] == "executor")
    assert f"({sys.prefix}/bin/python" in executor
    assert executor.endswith(f"and Spark {version('pyspark')}")
    assert list((tmp_path / "studies").iterdir()) == []
