"""Arguments in groups: templates, upstream tasks and mapping work in them as in flat arguments."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import types
from typing import Any

import pytest
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, BaseOperator, task
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sparktune import After, Confirm, Limits, Retuning, SparkTuneOperator, WarmStart
from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.arguments import GROUPS, require_grouped
from airflow_sparktune.orchestrator.decorator import DecoratedSparkTuneOperator
from airflow_sparktune.orchestrator.task.instance import segment_of
from airflow_sparktune.space import uniform

SPACE = {"x": uniform(0, 1)}
OWN = {
    name
    for name, found in inspect.signature(SparkTuneOperator.__init__).parameters.items()
    if found.kind is inspect.Parameter.KEYWORD_ONLY and name != "name"
}


def test_few_arguments_are_flat() -> None:
    assert len(OWN - set(GROUPS)) <= 21
    assert set(GROUPS) <= OWN


def test_no_argument_hides_a_name_of_airflow() -> None:
    """Such as `resources` and `dry_run`."""
    airflows = {*dir(BaseOperator), *inspect.signature(BaseOperator.__init__).parameters}
    assert not OWN & airflows
    accepted = {*airflows, *inspect.signature(SparkSubmitOperator.__init__).parameters}
    assert not {name for name in accepted - OWN if _error(**{name: 1}) is not None}


@pytest.mark.parametrize(
    ("name", "group"), [("no_progress", "limits"), ("xcom_return", "after"), ("shared_data", "execution")]
)
def test_a_key_outside_its_group_is_named_with_it(name: str, group: str) -> None:
    """Not by Airflow's error, which does not know the groups."""
    message = f"{name} must be given in its group, got 5 on its own; write {group}={{'{name}': ...}}"
    with DAG("churn"):
        for make in (SparkTuneOperator, SparkTuneOperator.partial):
            with pytest.raises(SpecError, match=re.escape(message)):
                make(task_id="tune", objective="m:f", **{name: 5})


def _error(**arguments: Any) -> SpecError | None:
    try:
        require_grouped(arguments)
    except SpecError as error:
        return error
    return None


@task
def found() -> int:
    return 5


def upstream(make: Any) -> set[str]:
    """Return the tasks upstream of `tune` in a DAG that `make` fills."""
    with DAG("churn") as dag:
        make(found())
    return dag.get_task("tune").upstream_task_ids


@pytest.mark.parametrize("limits", [lambda n: Limits(no_progress=n), lambda n: {"no_progress": n}])
def test_a_group_may_hold_the_result_of_a_task(limits: Any) -> None:
    """Airflow sees the dependency, in a mapped task and with the decorator, too."""

    def plain(value: Any) -> None:
        SparkTuneOperator(task_id="tune", limits=limits(value))

    def mapped(value: Any) -> None:
        SparkTuneOperator.partial(task_id="tune", limits=limits(value)).expand(segment=["fr", "de"])

    def decorated(value: Any) -> None:
        task.sparktune(task_id="tune", space=SPACE, limits=limits(value))(lambda params: 0.0)()

    def mapped_and_decorated(value: Any) -> None:
        tune = task.sparktune(task_id="tune", space=SPACE, limits=limits(value))(lambda params, shop: 0.0)
        tune.expand(shop=["fr", "de"])

    for make in (plain, mapped, decorated, mapped_and_decorated):
        assert upstream(make) == {"found"}, make.__name__


def test_a_template_in_a_group_is_rendered() -> None:
    with DAG("churn"):
        tune = SparkTuneOperator(
            task_id="tune",
            limits=Limits(no_progress="{{ n }}", trial_timeout=60),  # type: ignore[arg-type]
            retuning=Retuning(incumbent="champion", confirm=Confirm(objective_kwargs={"day": "{{ ds }}"})),
        )
    tune.render_template_fields({"n": 5, "ds": "2026-11-02"})
    assert tune.limits == {"no_progress": "5", "trial_timeout": 60}
    assert tune.retuning["confirm"] == {"objective_kwargs": {"day": "2026-11-02"}}


def test_a_group_may_be_mapped() -> None:
    with DAG("churn"):
        mapped = SparkTuneOperator.partial(task_id="tune", space=SPACE).expand(
            warm_start=["previous", WarmStart(points=2)]
        )
    made = [mapped.unmap({"warm_start": value}) for value in ("previous", WarmStart(points=2))]
    assert [each.warm_start for each in made] == ["previous", {"points": 2}]


def test_a_dag_with_groups_can_be_serialized() -> None:
    with DAG("churn") as dag:
        SparkTuneOperator(task_id="tune", limits=Limits(no_progress=5), after=After(xcom_return="summary"))
        SparkTuneOperator.partial(task_id="mapped", retuning=Retuning(incumbent="champion")).expand(
            limits=[{"no_progress": 5}]
        )
    plain, mapped = DagSerialization.to_dict(dag)["dag"]["tasks"]
    assert plain["__var"]["limits"] == {"no_progress": 5}
    assert "champion" in str(mapped["__var"]["partial_kwargs"]["retuning"])


def segment(**arguments: Any) -> str | None:
    """Return the segment of an instance of a task whose `retuning` and `limits` are mapped."""
    parsed = types.SimpleNamespace(partial_kwargs={"objective": "m:f"})
    context: Any = {
        "ti": types.SimpleNamespace(map_index=0, task_id="tune"),
        "dag": types.SimpleNamespace(task_dict={"tune": parsed}),
    }
    made = SparkTuneOperator(task_id="tune", objective="m:f", **arguments)
    return segment_of(context, None, made.segment_arguments())


def test_the_segment_of_a_mapped_task_depends_on_the_keys_that_were_set() -> None:
    """A new key of a group, or a new default, renames no segment, which would lose its champion."""
    assert segment(limits=Limits(no_progress=5)) == segment(limits={"no_progress": 5, "max_failures": None})
    assert segment(limits=Limits(no_progress=5)) != segment(limits=Limits(no_progress=5, max_trial_retries=2))
    assert segment(limits=Limits(no_progress=5)) == "fa6b7cb175ea"


def test_the_decorator_takes_groups_as_the_operator_does() -> None:
    made = DecoratedSparkTuneOperator(
        task_id="tune",
        python_callable=lambda params: 0.0,
        op_args=(),
        op_kwargs={},
        limits=Limits(no_progress=5),
    )
    assert made.limits == {"no_progress": 5}


def test_importing_the_operator_loads_what_its_constructor_needs() -> None:
    """Each parse of a DAG file pays for it: no journal, no record of champions, no submission."""
    code = (
        "import sys\n"
        "from airflow_sparktune import Limits, SparkTuneOperator\n"
        "SparkTuneOperator(task_id='tune', objective='m:f', max_evals=3, limits=Limits(no_progress=2))\n"
        "print(*(name for name in sys.modules if name.startswith(('airflow_sparktune', 'javaproperties'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    rooms = ("driver", "executor", "dashboard", "tracking", "study.record.", "orchestrator.task.study_run")
    parts = (
        "study.journal.events",
        "study.study",
        "study.result",
        "orchestrator.after",
        "orchestrator.deploy.job",
    )
    heavy = [
        name for name in loaded.split() for part in (*rooms, *parts) if f"airflow_sparktune.{part}" in name
    ]
    assert [name for name in heavy if name != "airflow_sparktune.study.record.keep"] == []
    assert "javaproperties" not in loaded
