"""References that cannot work are found before Spark starts; others pass."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.deploy.lookup import check_references
from airflow_sparktune.orchestrator.deploy.user_code import UserCode

TRAIN = b"""
import os
from sklearn.metrics import log_loss as measure

SPACE = {"x": [0, 1]}
LOW, (HIGH, *REST) = 0, (1, 2, 3)

def loss(params, rows, *, folds=5, trial=None):
    if (found := rows):
        inner = found
    return 0.0

def anything(*args, **kwargs): ...
def keywords(*, params): ...
def nothing(): ...
async def later(params): ...
def load(): ...
def load_rows(rows): ...

class Model:
    def method(self): ...

@wrapped
def decorated(): ...

try:
    import fast as engine
except ImportError as missing:
    def fallback(): ...

if os.name == "posix":
    def either(params, rows): ...
else:
    def either(): ...

def sets():
    global from_within
    from_within = 1
"""
FILES = {
    "train.py": TRAIN,
    "pkg/__init__.py": b"",
    "pkg/models/__init__.py": b"def loss(p): ...",
    "notes.txt": b"",
}


def check(objective: str = "train:loss", files: dict[str, bytes] = FILES, **named: Any) -> None:
    given = {"objective": objective, "objective_kwargs": {"rows": 1}, **named}
    check_references(given, UserCode(files))


@pytest.mark.parametrize(
    "name",
    ["loss", "anything", "decorated", "either", "Model", "SPACE", "LOW", "HIGH", "REST", "measure", "engine",
     "os", "from_within"],
)  # fmt: skip
def test_what_a_module_has_passes(name: str) -> None:
    """Functions with fitting arguments pass, and names that only the running module could check."""
    check(f"train:{name}")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("train:los", "'train:los' must exist, but train has no 'los'; did you mean 'loss'"),
        ("train:method", "has no 'method'"),
        ("train:inner", "has no 'inner'"),
        ("train:frobnicate", "has no 'frobnicate'; check the spelling"),
        ("pkg.model:loss", "there is no module 'pkg.model'; did you mean 'pkg.models'"),
        ("train:fallback", "must take the params as its first argument"),
        ("train:nothing", r"must take the params as its first argument, got train:nothing\(\)"),
        ("train:keywords", "must take the params as its first argument"),
        ("train:load", "must take the params as its first argument"),
        ("pkg.models:loss", "must fit its arguments, got got an unexpected keyword argument 'rows'"),
    ],
)
def test_missing_names_are_reported(objective: str, message: str) -> None:
    """The error suggests the nearest name."""
    with pytest.raises(ObjectiveError, match=message):
        check(objective)


def test_missing_arguments() -> None:
    """The message is the same as the executor's."""
    with pytest.raises(ObjectiveError, match="missing a required argument: 'rows'"):
        check(objective_kwargs={})
    with pytest.raises(ObjectiveError, match="missing a required argument: 'rows'"):
        check(objective_kwargs=None)


def test_all_references_are_looked_up() -> None:
    """The space, the shared data and the algorithm are checked too; a plain name is not a reference."""
    check(space="train:SPACE", shared_data="train:load", algo="tpe")
    for argument in ("space", "shared_data", "algo"):
        with pytest.raises(ObjectiveError, match="has no 'SPAC'; did you mean 'SPACE'"):
            check(**{argument: "train:SPAC"})
    with pytest.raises(ObjectiveError, match="must be a function without arguments"):
        check(shared_data="train:load_rows")


@pytest.mark.parametrize(
    "source",
    [
        b"from helpers import *",
        b"def __getattr__(name): ...",
        b"globals()['loss'] = print",
        b"exec('def loss(p): ...')",
        b"def loss(:",
        b"\x00",
    ],
)
def test_a_module_with_dynamic_names_passes(source: bytes) -> None:
    """Its names are known only after its import; the driver reports a syntax error with its line."""
    check("train:loss", {"train.py": source})


def test_an_installed_module_passes() -> None:
    """A module that is not beside the DAG is checked only where trials run."""
    check("sklearn.metrics:log_los")
