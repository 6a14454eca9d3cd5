"""What is literal in a DAG is checked while the DAG is parsed; everything else when its task runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, task
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_sparktune import Limits, SparkTuneOperator
from airflow_sparktune.errors import ObjectiveError, SparktuneError, SpecError
from airflow_sparktune.orchestrator.checks import bindings
from airflow_sparktune.space import choice, uniform

SPACE = {"x": uniform(0, 1)}
WRONG = [
    ({"space": {"x": {"unifrom": [0, 1]}}}, "got 'unifrom'; did you mean 'uniform'"),
    ({"max_evals": -3}, "max_evals must be a whole number of at least 1, got -3"),
    ({"max_evals": np.int64(-3)}, "max_evals must be a whole number of at least 1"),
    ({"max_evals": "many"}, "max_evals must be a whole number of at least 1, got 'many'"),
    ({"algo": "tpee"}, "algo must be one of .* got 'tpee'"),
    ({"timeout": timedelta(0)}, "timeout must be a time above 0"),
    ({"objective": "train"}, "objective must be 'module:name'"),
    ({"objective": "my-train.py:loss"}, "objective must be 'module:name' .* got 'my-train:loss'"),
    ({"points_to_evaluate": [{}]}, r"points_to_evaluate\[0\] must be an object of params"),
    ({"retuning": {"margin": "-2%"}}, "retuning.margin must be a number of at least 0"),
    ({"limits": {"no_progres": 5}}, "limits must have known keys only, got 'no_progres'; did you mean"),
    ({"limits": 5}, "limits must be an object of keys and values, got 5"),
    ({"limits": {"no_progress": "{{ n }}", "max_failures": -1}}, "limits.max_failures must be a count"),
    ({"limits": Limits(max_failures=-1)}, "limits.max_failures must be a count"),
    ({"warm_start": "best"}, "warm_start.points must be 'previous'"),
    ({"after": {"xcom_return": "all"}}, "after.xcom_return must be one of params, summary"),
    ({"storage": "studies"}, "storage must be a URL or an absolute path, got 'studies'"),
    ({"keep_studies": "all"}, "keep_studies must be a number of studies, or an age"),
    ({"execution": {"log_level": "loud"}}, "execution.log_level must be one of trials, spark, got 'loud'"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_literal_mistake(operator, given: dict[str, Any], message: str) -> None:
    """The error names the task, because Airflow shows it without the line of the DAG file."""
    with pytest.raises(SpecError, match=f"task 'tune': .*{message}"):
        operator(**given)


class Lazy:
    """A value that Airflow resolves when the task runs."""

    def resolve(self, context: Any) -> Any: ...


@pytest.mark.parametrize(
    "given",
    [
        {"max_evals": "{{ params.n }}"},
        {"max_evals": "{% if true %}3{% endif %}"},
        {"max_evals": "[[ params.n ]]"},
        {"algo": "{{ params.algo }}"},
        {"objective": "{{ params.module }}:loss"},
        {"space": {"x": {"unifrom": [0, "{{ params.high }}"]}}},
        {"space": "{{ ti.xcom_pull(task_ids='space') }}"},
        {"objective_kwargs": {"rows": [{"a": Lazy()}]}},
        {"max_evals": Lazy()},
        {"parallelism": None},
        {"application": "search.py", "objective": None, "space": None},
        {"objective": None},
        {"space": {"x": choice([{"units": uniform(0, 1)}, "none"])}},
        {"retuning": {"confirm": 5}},
        {"limits": {"no_progress": "{{ params.patience }}"}},
        {"limits": "{{ params.limits }}"},
        {"limits": Lazy()},
    ],
)
def test_what_is_not_known_yet(operator, given: dict[str, Any]) -> None:
    """Templates, lazy values, unset arguments and combinations are left to the run."""
    operator(**given)


def test_an_xcom_and_a_mapped_value(operator) -> None:
    """They get their values when the task runs; a mapped operator is constructed only then."""

    @task
    def numbers() -> list[int]:
        return [-3]

    with DAG("churn"):
        operator(max_evals=numbers(), objective_kwargs={"rows": {"from": [numbers()]}})
        common = {"objective": "m:f", "space": SPACE, "algo": "tpee"}
        mapped = SparkTuneOperator.partial(task_id="mapped", **common).expand(max_evals=numbers())
        assert isinstance(mapped, MappedOperator)
        made = mapped.unmap({"max_evals": -3})
    assert made.max_evals == -3


def test_a_template_file() -> None:
    """A subclass may read an argument from a file whose ending it names."""

    class FromFile(SparkTuneOperator):
        template_ext = (".txt",)

    assert FromFile(task_id="tune", algo="algorithm.txt").algo == "algorithm.txt"


@pytest.fixture
def parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SparktuneError | None]:
    """Construct an operator in a DAG whose file has modules beside it; return the error, or None."""

    def parse(objective: str, source: str = "def loss(params): ...\n", file: str = "train.py") -> Any:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / file).exists() or (tmp_path / file).read_text() != source:
            (tmp_path / file).write_text(source)
        dag = DAG("churn")
        dag.fileloc = str(tmp_path / "dag.py")
        try:
            SparkTuneOperator(task_id="tune", dag=dag, objective=objective, space=SPACE, max_evals=3)
        except ObjectiveError as error:
            return error
        return None

    return parse


@pytest.mark.parametrize(
    ("objective", "file"),
    [
        ("train:los", "train.py"),
        ("train.py:los", "train.py"),
        ("models/train.py:los", "models/train.py"),
        ("models.train:los", "models/train.py"),
        ("models:los", "models/__init__.py"),
    ],
)
def test_a_function_that_is_not_there(parsed, objective: str, file: str) -> None:
    """The file is parsed, not imported."""
    error = parsed(objective, "raise SystemExit\ndef loss(params): ...\n", file)
    assert "task 'tune': " in str(error)
    assert "has no 'los'; did you mean 'loss'?" in str(error)
    assert parsed(objective.replace("los", "loss"), file=file) is None


@pytest.mark.parametrize(
    "source",
    [
        "from helpers import *",
        "def __getattr__(name): ...",
        "globals()['los'] = print",
        "locals()['los'] = print",
        "exec('los = print')",
        "import sys\nsys.modules[__name__].los = print",
        "import train\ntrain.__dict__['los'] = print",
        "from lazy import attach\n__getattr__, names = attach(__file__)",
        "import register\nregister.all(__name__)",
        "if input():\n    def los(params): ...",
        "match input():\n    case {'a': 1, **los}: ...",
        "def los(params",
        "def loss(params, rows): ...\ndef los(params, rows): ...",
    ],
)
def test_a_function_that_may_be_there(parsed, source: str) -> None:
    """A module with names that its syntax does not show is left to the run; so is a wrong signature."""
    assert parsed("train:los", source) is None


def test_a_module_that_logs_by_its_name(parsed) -> None:
    """A logger gets the name of nearly every module, and defines nothing in it."""
    assert parsed("train:los", "import logging\nlog = logging.getLogger(__name__)\n") is not None


@pytest.mark.parametrize("objective", ["absent:loss", "absent.py:loss", "train.sub:loss", "data.x:loss"])
def test_a_file_that_is_not_there(parsed, tmp_path: Path, objective: str) -> None:
    """The module may be on the cluster, and the file may be written before the task runs."""
    (tmp_path / "data").mkdir()
    assert parsed(objective) is None


def test_a_file_is_parsed_once(parsed, monkeypatch) -> None:
    """A process parses a file once for all tasks, and again after a change of it."""
    sources = []
    monkeypatch.setattr(bindings, "bindings", lambda source: sources.append(source))
    parsed("train:loss")
    assert not sources  # a look at its lines is enough
    parsed("train:other")
    parsed("train:another")
    parsed("train:other", "def loss(params): ...  # longer\n")
    assert len(sources) == 2


def test_an_import_error_in_the_ui(tmp_path: Path) -> None:
    """Airflow reports the sentence; the DAGs of another file are parsed."""
    head = "from airflow.sdk import DAG\nfrom airflow_sparktune import SparkTuneOperator\n"
    text = (
        "with DAG({dag!r}, schedule=None):\n    SparkTuneOperator(task_id='tune', objective='m:f', "
        "space={{'x': {{'uniform': [0, 1]}}}}, max_evals={n})\n"
    )
    (tmp_path / "good.py").write_text(head + text.format(dag="good", n=3))
    (tmp_path / "bad.py").write_text(head + text.format(dag="bad", n=-3))
    bag = DagBag(dag_folder=tmp_path)
    assert list(bag.dags) == ["good"]
    (error,) = bag.import_errors.values()
    assert "task 'tune': max_evals must be a whole number of at least 1, got -3" in error
