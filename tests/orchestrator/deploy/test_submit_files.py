"""The files that are shipped to the driver."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.deploy.submit_files import SubmitFiles
from airflow_sparktune.orchestrator.deploy.user_code import UserCode, gather_code


def find_code(objective: str, *, bases: list[Path]) -> tuple[str, UserCode | None]:
    named, code = gather_code({"objective": objective}, bases=bases)
    return named["objective"], code


def test_zip_contains_only_what_runs_inside_spark(tmp_path: Path) -> None:
    """The zip has the packages for driver and executor, and nothing of Airflow's side."""
    files = SubmitFiles.pack(tmp_path, None)
    names = zipfile.ZipFile(files.py_files[0]).namelist()
    rooms = {name.split("/")[1] for name in names}
    ground = {"__init__.py", "errors.py", "printable.py", "space.py", "version.py"}
    assert rooms == ground | {"study", "driver", "executor", "callbacks"}


def test_modules_can_be_imported_from_the_zip(tmp_path: Path) -> None:
    """What a worker needs can be imported from the zip alone."""
    files = SubmitFiles.pack(tmp_path, None)
    code = "import airflow_sparktune.callbacks, airflow_sparktune.executor.evaluate as e; print(e.__file__)"
    environment = {"PYTHONPATH": str(files.py_files[0])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(files.py_files[0]) in done.stdout


def test_a_module_beside_the_dag_is_shipped(tmp_path: Path) -> None:
    """The module of `module:function` is shipped from the first folder that has it."""
    (tmp_path / "train.py").write_text("def loss(params): ...\n")
    objective, code = find_code("train:loss", bases=[tmp_path / "elsewhere", tmp_path])
    assert (objective, list(code.files)) == ("train:loss", ["train.py"])


def test_a_package_is_shipped_completely(tmp_path: Path) -> None:
    """The top-level package is shipped with its data files, without byte code."""
    inner = tmp_path / "churn" / "models" / "__pycache__"
    inner.mkdir(parents=True)
    for name in (
        "churn/__init__.py",
        "churn/models/train.py",
        "churn/words.txt",
        "churn/models/__pycache__/x.pyc",
    ):
        (tmp_path / name).write_text("")
    _, code = find_code("churn.models.train:loss", bases=[tmp_path])
    assert sorted(code.files) == ["churn/__init__.py", "churn/models/train.py", "churn/words.txt"]


def test_a_module_that_is_not_found_is_not_shipped(tmp_path: Path) -> None:
    """A module that is not found must be importable where trials run."""
    assert find_code("sklearn.metrics:log_loss", bases=[tmp_path]) == ("sklearn.metrics:log_loss", None)


def test_a_file_by_path(tmp_path: Path) -> None:
    """`path/to/file.py:function` may be absolute, or relative to a base folder."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "train.py").write_text("x = 1\n")
    relative = find_code("jobs/train.py:loss", bases=[tmp_path])
    absolute = find_code(f"{tmp_path}/jobs/train.py:loss", bases=[])
    assert relative == absolute
    assert relative[0] == "train:loss"


def test_the_hash_depends_on_the_code(tmp_path: Path) -> None:
    """Equal code has the same hash, changed code another one."""
    (tmp_path / "train.py").write_text("x = 1\n")
    first = find_code("train:loss", bases=[tmp_path])[1].sha256
    assert find_code("train:loss", bases=[tmp_path])[1].sha256 == first
    (tmp_path / "train.py").write_text("x = 2\n")
    assert find_code("train:loss", bases=[tmp_path])[1].sha256 != first


def test_a_module_named_like_pythons_own(tmp_path: Path) -> None:
    """A shipped module must not shadow the standard library."""
    (tmp_path / "queue.py").write_text("")
    with pytest.raises(
        ObjectiveError, match="must not have the name of a standard library module, got 'queue'"
    ):
        find_code("queue:loss", bases=[tmp_path])


def test_space_data_and_algorithm_are_shipped(tmp_path: Path) -> None:
    """All modules that the spec names are shipped in one zip with one hash."""
    for name in ("train", "spaces", "data", "search"):
        (tmp_path / f"{name}.py").write_text("")
    given = {
        "objective": "train:loss",
        "space": "spaces.py:SPACE",
        "execution.shared_data": "data:load",
        "algo": "search:suggest",
        "max_evals": 3,
    }
    named, code = gather_code(given, bases=[tmp_path])
    assert named == {**given, "space": "spaces:SPACE"}
    assert sorted(code.files) == ["data.py", "search.py", "spaces.py", "train.py"]


def test_modules_imported_from_the_same_folder_are_shipped(tmp_path: Path) -> None:
    """Helpers that the objective's module imports, also indirectly, are shipped; libraries are not."""
    (tmp_path / "helpers").mkdir()
    (tmp_path / "train.py").write_text("import json, numpy\nfrom helpers.clean import tidy\n")
    (tmp_path / "helpers" / "__init__.py").write_text("")
    (tmp_path / "helpers" / "clean.py").write_text("def tidy():\n    import rules\n")
    (tmp_path / "rules.py").write_text("import train\n")
    (tmp_path / "unrelated.py").write_text("")
    _, code = find_code("train:loss", bases=[tmp_path])
    assert sorted(code.files) == ["helpers/__init__.py", "helpers/clean.py", "rules.py", "train.py"]


def test_libraries_beside_an_installed_dag_are_not_shipped(tmp_path: Path) -> None:
    """A DAG in an installed package ships that package, not all that is installed there and imported."""
    packages = tmp_path / "site-packages"
    for package in ("acme", "numpy"):
        (packages / package).mkdir(parents=True)
        (packages / package / "__init__.py").write_text("")
    (packages / "acme" / "model.py").write_text("import numpy\ndef loss(params): ...\n")
    given = {"objective": "acme.model:loss", "algo": "numpy:search"}
    _, code = gather_code(given, bases=[packages / "acme", packages])
    assert code is not None
    assert sorted(code.files) == ["acme/__init__.py", "acme/model.py"]
