"""The examples of docs/guides/your-code.md on a cluster whose Python has no libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune import SparkTuneOperator
from tests.docs.pages import ROOT, blocks

pytestmark = pytest.mark.integration

GUIDE = ROOT / "docs" / "guides" / "your-code.md"
WHEEL = "blend-1.0-py3-none-any.whl"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def examples(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the guide's files into one folder; the executors of `cluster` get a bare Python."""
    dags = tmp_path / "dags"
    dags.mkdir()
    for block in blocks(GUIDE):
        if block.file:
            (dags / block.file).write_text(block.text)
    bare = _environment(tmp_path / "bare")
    conf = {"pyspark.python": bare / "bin" / "python", "driver.host": "127.0.0.1", "executor.memory": "512m"}
    (tmp_path / "spark-defaults.conf").write_text("".join(f"spark.{key} {conf[key]}\n" for key in conf))
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": cluster}))
    return dags


def test_a_module_beside_the_dag(examples: Path) -> None:
    assert set(_tuned(examples / "retune_beside.py")) == {"x"}


def test_a_wheel_in_py_files(examples: Path) -> None:
    """The wheel contains the objective and its dependencies."""
    _build_wheel(examples)
    assert set(_tuned(examples / "retune_wheel.py")) == {"x"}


def test_a_packed_environment(examples: Path, tmp_path: Path) -> None:
    """The shipped objective imports a library that only the environment has."""
    environment = _environment(tmp_path / "environment")
    with zipfile.ZipFile(_build_wheel(tmp_path)) as wheel:
        wheel.extractall(environment / "lib" / f"python{PYTHON}" / "site-packages")
    pack = [str(Path(sys.executable).parent / "venv-pack"), "-p", str(environment)]
    subprocess.run([*pack, "-o", str(examples / "environment.tar.gz"), "--quiet"], check=True)
    assert set(_tuned(examples / "retune_packed.py")) == {"x"}


@pytest.mark.parametrize("where", ["in the module", "in the function"])
def test_the_error_of_a_missing_library_says_what_to_do(examples: Path, where: str) -> None:
    if where == "in the module":
        (examples / "bowl.py").write_text("import blend\ndef loss(params): return 0.0\n")
    else:
        (examples / "bowl.py").write_text("def loss(params):\n    import blend\n")
    ways = "put it beside the DAG file, send it with py_files, or give executors an environment that has it"
    with pytest.raises(AirflowFailException, match=f"'blend'.*; {ways}"):
        _tuned(examples / "retune_beside.py")


class TaskInstance:
    """The part of a task instance that the operator uses."""

    run_id, try_number, max_tries, map_index = "manual", 1, 0, -1
    stats_tags: dict[str, str] = {}  # noqa: RUF012 - never filled

    def __init__(self, dag_id: str, task_id: str) -> None:
        self.dag_id, self.task_id = dag_id, task_id

    def xcom_push(self, *, key: str, value: Any) -> None:
        """Do nothing."""


def _tuned(file: Path) -> Any:
    """Run the task `tune` of the file's DAG; returns its result."""
    bag = DagBag(dag_folder=str(file))
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    task = dag.get_task("tune")
    assert isinstance(task, SparkTuneOperator)
    task.storage = str(file.parent / "studies")
    context = {
        "ti": TaskInstance(dag.dag_id, "tune"),
        "task": task,
        "dag": types.SimpleNamespace(fileloc=str(file)),
    }
    return task.execute(context)


def _environment(folder: Path) -> Path:
    """Create a virtual environment without any packages, not even pip."""
    python = os.path.realpath(sys.executable)
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def _build_wheel(folder: Path) -> Path:
    """Build a wheel of the library `blend`."""
    info = "blend-1.0.dist-info"
    files = {
        "blend/__init__.py": "",
        "blend/model.py": "def loss(params):\n    return params['x'] ** 2\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: blend\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return folder / WHEEL
