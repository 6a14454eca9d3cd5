"""A study whose application another operator submits: prepared before, collected after."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_sparktune import CollectStudyOperator, prepare_study
from airflow_sparktune.errors import DriverLost, SpecError
from airflow_sparktune.orchestrator.submitters import collection
from airflow_sparktune.orchestrator.submitters.files import NAME
from airflow_sparktune.space import uniform
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from tests.orchestrator import stand_in_submit
from tests.orchestrator.conftest import RUN, Store

OBJECTIVE = """
from helper import square

def loss(params):
    return square(params["x"])
"""


@pytest.fixture
def prepare(run, storage, tmp_path) -> Callable[..., dict[str, Any]]:
    """Run the task that prepares; its DAG file has the objective and a helper beside it."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "model.py").write_text(OBJECTIVE)
    (dags / "helper.py").write_text("def square(x):\n    return x * x\n")

    def prepared(**given: Any) -> dict[str, Any]:
        arguments = {"objective": "model:loss", "space": {"x": uniform(0, 1)}, "max_evals": 3, "seed": 1}
        task = prepare_study(**{"storage": str(storage), **arguments, **given})
        found, ti = run(task)
        assert {"study", "application", "arguments"} <= ti.pushed.keys()
        assert found == {key: ti.pushed[key] for key in ("study", "application", "arguments")}
        return dict(found)

    return prepared


@pytest.fixture
def drive(tmp_path, monkeypatch) -> Callable[..., None]:
    """Run the prepared application as another operator would, by a stand-in for the driver."""
    properties = tmp_path / "spark.properties"
    properties.write_text("")
    monkeypatch.setenv("STAND_IN_NOTE", str(tmp_path / "note.json"))
    return lambda prepared, behaviour="works": stand_in_submit.main(
        ["--properties-file", str(properties), prepared["application"], *prepared["arguments"]], behaviour
    )


@pytest.fixture
def collect(run) -> Callable[..., Any]:
    """Collect a study, in a task of its own."""

    def collected(
        study: str, *, events: Any = None, resume: Any = None, store: Any = None, **given: Any
    ) -> Any:
        task = CollectStudyOperator(task_id="tune", study=study, **given)
        return run(task, events=events, resume=resume, store=store)

    return collected


def test_the_application_brings_all_code(prepare) -> None:
    """It needs nothing beside it: no file, and no package but the libraries of the driver."""
    prepared = prepare()
    assert prepared["application"] == f"{prepared['study']}/{NAME}"
    assert prepared["arguments"][:2] == ["--study", prepared["study"]]
    # `exec`, because some services run the text of the file, without a name for it.
    look = (
        "import sys; sys.argv[1:] = ['--help']; source = open(FILE).read()\n"
        "try: exec(source, {'__name__': '__main__'})\n"
        "except SystemExit as end: assert end.code == 0\n"
        "import model, airflow_sparktune\n"
        "assert model.loss({'x': 3}) == 9\n"
        "assert 'sparktune_study.zip' in airflow_sparktune.__file__\n"
    )
    code = look.replace("FILE", repr(prepared["application"]))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd="/", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--spec-sha256" in done.stdout


def test_the_service_may_know_the_storage_by_another_scheme(prepare, tmp_path) -> None:
    prepared = prepare(storage="memory://lake", scheme="s3a")
    assert prepared["application"] == f"s3a://lake/{RUN}/g0/{NAME}"
    assert prepared["arguments"][1] == f"memory://lake/{RUN}/g0"


def test_what_is_wrong_is_said_before_anything_is_submitted(prepare) -> None:
    """Literals while the DAG is parsed."""
    with pytest.raises(SpecError, match="task 'prepare': parallelism must be a whole number"):
        prepare(parallelism=0)
    with pytest.raises(AirflowFailException, match="did you mean 'loss'"):
        prepare(objective="model:los")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"patience": "15m"}, "patience must be a time above 0 .*, got '15m'; leave it unset"),
        ({"patience": 0}, "patience must be a time above 0 .*, got 0"),
        ({"keep_studies": "many"}, "task 'tune': keep_studies must be a number of studies"),
        ({"after": {"xcom_returns": "summary"}}, "task 'tune': after .* did you mean 'xcom_return'"),
        ({"production": "champion"}, "production must be an asset, got 'champion'; write Model"),
    ],
)
def test_a_wrong_argument_of_collect_is_found_while_the_dag_is_parsed(given, said) -> None:
    """Not after hours of a study."""
    with pytest.raises(SpecError, match=said):
        CollectStudyOperator(task_id="tune", study="/studies/x", **given)


def test_a_scheme_is_a_name() -> None:
    with pytest.raises(SpecError, match=r"scheme must be the name of a scheme, got 's3a://'; write s3a"):
        prepare_study(objective="m:f", space={"x": uniform(0, 1)}, max_evals=3, scheme="s3a://")


def test_collect_brings_what_a_task_of_its_own_would(prepare, drive, collect, run, operator) -> None:
    prepared = prepare()
    drive(prepared)
    params, ti = collect(prepared["study"])
    assert params == {"x": 0}
    assert ti.pushed["study"] == ti.pushed["tuning_result"]["study"] == prepared["study"]
    assert ti.pushed["best_loss"] == 0.0


def test_collect_waits_for_the_verdict(prepare, drive, collect, monkeypatch) -> None:
    """In the task, if it is not deferrable; the UI shows the progress."""
    prepared, store = prepare(), Store()
    waits = iter([lambda: None, lambda: drive(prepared)])
    monkeypatch.setattr(collection.time, "sleep", lambda _: next(waits)())
    assert collect(prepared["study"], store=store)[0] == {"x": 0}
    assert store.values["tuning"]["ended"] == "reached max_evals (3)"


def test_collect_waits_without_a_worker(prepare, drive, collect) -> None:
    prepared = prepare()
    with pytest.raises(TaskDeferred) as raised:
        collect(prepared["study"], deferrable=True)
    drive(prepared)
    name, kwargs = json.loads(json.dumps(raised.value.trigger.serialize()))
    module, _, cls = name.rpartition(".")
    trigger = getattr(importlib.import_module(module), cls)(**kwargs)

    async def first() -> Any:
        return (await anext(aiter(trigger.run()))).payload

    event = {"event": json.loads(json.dumps(asyncio.run(first())))}
    resumed = (raised.value.method_name, event)
    assert collect(prepared["study"], deferrable=True, resume=resumed)[0] == {"x": 0}


def test_a_study_that_no_driver_opens(prepare, collect) -> None:
    with pytest.raises(
        DriverLost, match="none did in this try; nothing was written to the study for 1e-06 s"
    ):
        collect(prepare()["study"], patience=timedelta(microseconds=1))


def test_an_error_of_the_study_fails_the_task(prepare, drive, collect) -> None:
    prepared = prepare()
    drive(prepared, "fails")
    with pytest.raises(AirflowFailException, match="must be callable"):
        collect(prepared["study"])


def test_collect_needs_a_prepared_study(collect, tmp_path) -> None:
    with pytest.raises(AirflowFailException, match="must be the address of a prepared study"):
        collect(str(tmp_path / "nothing"))


def test_production_changes_by_a_collected_study(prepare, drive, collect, storage) -> None:
    """The record of champions is that of the task that has prepared it; the event is the collector's."""
    prepared = prepare(retuning={"incumbent": "champion"})
    drive(prepared, "replaces")
    events, production = OutletEventAccessors(), Asset("model")
    params, ti = collect(prepared["study"], production=production, events=events)
    assert params == {"x": 1}
    assert ti.pushed["tuning_result"]["decision"] == "replaced"
    (event,) = [each for accessor in events.values() for each in accessor.asset_alias_events]
    assert event.extra["params"] == {"x": 1}
    assert Champions(str(storage / "churn" / "tune"), None).current() is not None


def test_a_study_that_has_its_result_is_prepared_again(prepare, drive, collect) -> None:
    """A retry gets the same application, which ends at once."""
    prepared = prepare()
    drive(prepared)
    assert prepare() == prepared
    assert len(read_study(prepared["study"]).study.attempts) == 1
