"""What importing a room costs, by what it loads: each room is imported in a fresh interpreter.

A room that comes later is added to ROOMS; a module that comes later is found by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "airflow_sparktune"

# Rooms by folder or file, and what importing any of their modules must not load.
ROOMS = {
    "__init__.py": "airflow pyspark hyperopt numpy pandas scipy plotly fsspec",
    "errors.py": "airflow pyspark hyperopt numpy pandas scipy plotly fsspec",
    "study": "airflow pyspark hyperopt numpy pandas scipy plotly fsspec",
    "orchestrator": "pyspark hyperopt scipy plotly pandas",
    "dashboard": "pyspark hyperopt scipy plotly pandas optuna",
    "driver": "airflow plotly",
    "executor": "airflow pyspark hyperopt numpy pandas scipy plotly",
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
    """The modules of a room, by its files."""
    found = [PACKAGE / room] if room.endswith(".py") else sorted((PACKAGE / room).rglob("*.py"))
    dotted = (".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in found)
    return [name.removesuffix(".__init__") for name in dotted]


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_no_more_than_it_needs(room: str) -> None:
    """None of a room's modules loads a library that its process does not have, or should not wait for."""
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


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_modules(room: str) -> None:
    """A room that was renamed is not passed over in silence."""
    assert modules(room)
