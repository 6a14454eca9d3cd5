"""References that cannot work are found before Spark starts; others pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.orchestrator.checks.lookup import brings_code, check_references
from airflow_sparktune.orchestrator.deploy.user_code import UserCode
from airflow_sparktune.study.segments import parse_segments

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
        (
            "pkg.models:loss",
            r"got objective_kwargs \['rows'\] for .*\): got an unexpected keyword argument 'rows'; correct",
        ),
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
    check(space="train:SPACE", **{"execution.shared_data": "train:load"}, algo="tpe")
    check(algo="optuna:TPESampler", files={**FILES, "optuna.py": b""})
    for argument in ("space", "execution.shared_data", "algo"):
        with pytest.raises(ObjectiveError, match="has no 'SPAC'; did you mean 'SPACE'"):
            check(**{argument: "train:SPAC"})
    with pytest.raises(ObjectiveError, match="must be a function without arguments"):
        check(**{"execution.shared_data": "train:load_rows"})


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


def test_an_installed_module_passes(caplog: pytest.LogCaptureFixture) -> None:
    """A module that is installed here is checked only where trials run."""
    check("sklearn.metrics:log_los")
    assert not caplog.text


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Return a folder with modules beside the DAG file."""
    (tmp_path / "train.py").write_bytes(TRAIN)
    (tmp_path / "train_v1.py").write_text("def loss(params): ...")
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "models.py").write_text("def loss(params): ...")
    return tmp_path


@pytest.mark.parametrize(
    ("objective", "meant"),
    [("trian:loss", "train:loss"), ("tran:SPACE", "train:SPACE"), ("chrun.models:loss", "churn.models:loss")],
)
def test_a_misspelled_module(beside: Path, objective: str, meant: str) -> None:
    """A module of almost the same name that has the function was meant."""
    with pytest.raises(ObjectiveError, match=f"is neither here nor beside .* did you mean '{meant}'"):
        check_references({"objective": objective}, None, bases=[beside])


@pytest.mark.parametrize(
    "objective",
    ["trian:other", "forecast:loss", "train_v2:loss", "chrun.loss:models", "hyperopt.tpe:suggest"],
)
def test_a_module_that_may_be_on_the_cluster(
    beside: Path, objective: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is accepted with a warning, unless it is installed here, or the task brings other code."""
    check_references({"objective": objective}, None, bases=[beside])
    assert ("so it must be installed there" in caplog.text) is not objective.startswith("hyperopt")
    caplog.clear()
    check_references({"objective": "trian:loss"}, None, bases=[beside], elsewhere=True)
    assert not caplog.text


def test_what_brings_other_code() -> None:
    """Files and archives of the task, and settings that have the same effect."""
    assert not brings_code({"spark.executor.memory": "2g"}, None, "")
    assert brings_code(None, None, "blend-1.0-py3-none-any.whl")
    for key in ("spark.submit.pyFiles", "spark.archives", "spark.kubernetes.executor.container.image"):
        assert brings_code({key: "x"})


NUMBERS = b"""
def loss(params, rows: int = 5, share=0.5, *, rate: "float", name="a", tag: str = "1", flag=True, any=None):
    return 0.0
"""


@pytest.mark.parametrize("key", ["rows", "share", "rate"])
def test_a_number_that_a_template_made_text(key: str) -> None:
    """The signature has a number there; the error has the setting that keeps numbers."""
    for text in ("3", " 0.5", "-1e3"):
        message = rf"\['{key}'\] must be a number .* text {text!r}; .*render_template_as_native_obj=True"
        with pytest.raises(ObjectiveError, match=message):
            check("n:loss", {"n.py": NUMBERS}, objective_kwargs={"rate": 0.1, key: text})


def test_text_where_the_function_takes_text() -> None:
    """A date without dashes is text that looks like a number, and so is the number itself a number."""
    texts = {"rate": 3, "rows": "all", "name": "20260101", "tag": "3", "flag": "1", "any": "7"}
    check("n:loss", {"n.py": NUMBERS}, objective_kwargs=texts)


def test_arguments_of_the_confirmation() -> None:
    """They replace arguments of the search."""
    check("train:loss", **{"retuning.confirm": {"objective_kwargs": {"folds": 9}}})
    check("train:loss", **{"retuning.confirm": "8"})
    with pytest.raises(ObjectiveError, match="unexpected keyword argument 'fold'"):
        check("train:loss", **{"retuning.confirm": {"objective_kwargs": {"fold": 9}}})


def test_each_segment_brings_arguments_of_the_objective(tmp_path: Path) -> None:
    """The common ones are merged with those of the segment."""
    code = UserCode({"train.py": b"def loss(params, rows, shop): ..."})
    named = {"objective": "train:loss", "objective_kwargs": {"rows": 1}}
    good = parse_segments("segments", {"lyon": {"shop": 1}, "porto": {"shop": 2}})
    check_references(named, code, segments=good)
    bad = parse_segments("segments", {"lyon": {"shop": 1}, "porto": {"shopp": 2}})
    with pytest.raises(ObjectiveError, match="shopp"):
        check_references(named, code, segments=bad)
