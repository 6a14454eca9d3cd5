"""Importing a room loads no library that its process lacks. Each room is imported in a new interpreter.

A new room must be added to ROOMS; new modules are found automatically.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "airflow_sparktune"

# The rooms by folder, and what importing their modules must not load. TOP is the files beside the folders.
TOP = "."
ROOMS = {
    "cli": "airflow pyspark hyperopt numpy pandas scipy fsspec optuna yaml rich fastapi",
    TOP: (
        "airflow pyspark hyperopt numpy pandas scipy fsspec optuna yaml rich fastapi "
        "airflow_sparktune.orchestrator airflow_sparktune.dashboard airflow_sparktune.driver "
        "airflow_sparktune.executor airflow_sparktune.tracking mlflow"
    ),
    "study": "airflow pyspark hyperopt numpy pandas scipy fsspec",
    "orchestrator": "pyspark hyperopt scipy pandas mlflow",
    "dashboard": "pyspark hyperopt scipy pandas optuna",
    "driver": "airflow",
    "tracking": (
        "airflow pyspark hyperopt numpy pandas scipy fsspec mlflow airflow_sparktune.orchestrator "
        "airflow_sparktune.dashboard airflow_sparktune.driver airflow_sparktune.executor"
    ),
    "executor": "airflow pyspark hyperopt numpy pandas scipy",
    "callbacks": (
        "airflow pyspark hyperopt numpy pandas scipy sklearn lightgbm airflow_sparktune.driver "
        "airflow_sparktune.executor airflow_sparktune.study"
    ),
    "testing": "airflow pyspark hyperopt pandas scipy",
}

IMPORT_EACH = """
import importlib, json, sys
modules, banned = json.loads(sys.argv[1])
guilty = {}
for module in modules:
    importlib.import_module(module)
    for name in banned:
        if name in sys.modules:
            guilty.setdefault(name, module)
print(json.dumps(guilty))
"""


def modules(room: str) -> list[str]:
    """Return the modules of a room."""
    found = sorted(PACKAGE.glob("*.py") if room == TOP else (PACKAGE / room).rglob("*.py"))
    dotted = (".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in found)
    return [name.removesuffix(".__init__") for name in dotted]


@pytest.mark.integration
@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_only_what_it_needs(room: str) -> None:
    """No module of a room loads a library that its process does not have, or that would slow its start."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH, json.dumps([modules(room), ROOMS[room].split()])],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    guilty = json.loads(done.stdout.splitlines()[-1])
    assert guilty == {}, f"library: first module that loads it {guilty}"


def test_every_folder_with_modules_is_a_room() -> None:
    """The test fails for a folder that was added or renamed."""
    assert {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")} == set(ROOMS) - {TOP}


def test_top_level_modules_are_found() -> None:
    """The files beside the folders are modules of the room TOP."""
    assert {"airflow_sparktune", "airflow_sparktune.errors", "airflow_sparktune.space"} <= set(modules(TOP))
