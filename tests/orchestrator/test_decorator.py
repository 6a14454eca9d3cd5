"""`@task.sparktune`: how the decorated function is shipped and called."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.space import uniform
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.segments import read_segments

SPACE = {"x": uniform(0, 1)}


@pytest.fixture
def submitted(run, spark_submit, storage, tmp_path) -> Callable[..., tuple[Spec, Any]]:
    """Run the task of a decorated function's call; returns the spec and the shipped objective."""
    note = spark_submit("keeps the code")

    def submit(call: Callable[[], Any]) -> tuple[Spec, Any]:
        with DAG("churn"):
            operator = call().operator
        operator.storage = str(storage)
        _, ti = run(operator)
        spec = Spec.from_json(json.loads(Path(ti.pushed["study"], "spec.json").read_text()))
        module, _, name = spec.objective.partition(":")
        code = base64.b64decode(note()["code"])
        namespace: dict[str, Any] = {}
        exec(zipfile.ZipFile(io.BytesIO(code)).read(f"{module}.py"), namespace)
        return spec, namespace[name]

    return submit


def test_the_function_is_the_objective(submitted) -> None:
    """The source is shipped, annotations are not evaluated, and the call's arguments are the kwargs."""

    @task.sparktune(space=SPACE, max_evals=3, seed=1)
    def tune(params: NotHere, by, trial, folds=5):  # noqa: F821
        return abs(params["x"] - by) * folds

    spec, objective = submitted(lambda: tune(0.25))
    assert spec.objective_kwargs == {"by": 0.25}
    assert objective({"x": 0.75}, by=0.25, trial=None) == 2.5


def test_the_params_may_have_any_name(submitted) -> None:
    """The first parameter receives the params, whatever its name."""

    @task.sparktune(space=SPACE, max_evals=3, seed=1)
    def tune(ti, *, by):
        return ti["x"] - by

    spec, _ = submitted(lambda: tune(by=1))
    assert spec.objective_kwargs == {"by": 1}


def test_arguments_of_the_call_override_those_of_the_decorator(submitted) -> None:
    """Arguments of the decorator are defaults; those of the call override them."""

    @task.sparktune(space=SPACE, max_evals=3, seed=1, objective_kwargs={"folds": 3, "by": 0})
    def tune(params, by, folds=5):
        return 0

    spec, _ = submitted(lambda: tune(by=1))
    assert spec.objective_kwargs == {"folds": 3, "by": 1}


def test_a_body_that_uses_a_name_of_its_module(operator, run, spark_submit) -> None:
    """The error names it before anything is submitted: the source is sent without the rest of the file."""
    note = spark_submit("works")

    @task.sparktune(space=SPACE, max_evals=3, seed=1)
    def tune(params):
        return json.dumps(params["x"] - SPACE["x"])

    with DAG("churn"):
        call = tune().operator
    call.storage = operator().storage
    with pytest.raises(AirflowFailException, match=r"'tune' must define or .* got SPACE, json from outside"):
        run(call)
    assert note() is None


def test_a_call_with_missing_arguments(submitted) -> None:
    """Parsing the DAG fails with the name of the missing argument."""

    @task.sparktune(space=SPACE, max_evals=3)
    def tune(params, by, trial):
        return 0

    with DAG("churn"), pytest.raises(TypeError, match="missing a required argument: 'by'"):
        tune()


def test_a_function_for_many_segments(run, spark_submit, storage) -> None:
    """A segment's arguments come before those of the call."""
    spark_submit("works")

    @task.sparktune(space=SPACE, max_evals=3, seed=1, segments={"north": {"by": 0.5}, "south": {}})
    def tune(params, by):
        return abs(params["x"] - by)

    with DAG("churn"):
        operator = tune(0.25).operator
    operator.storage = str(storage)
    result, ti = run(operator)
    specs = read_segments(ti.pushed["study"]).specs()
    assert [(each.segment, each.objective_kwargs) for each in specs] == [
        ("north", {"by": 0.5}),
        ("south", {"by": 0.25}),
    ]
    assert [each["segment"] for each in result] == ["north", "south"]
