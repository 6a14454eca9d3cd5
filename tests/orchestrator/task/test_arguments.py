"""The operator's arguments: their templates, and the errors before anything is submitted."""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.study.definition import ALGORITHMS, KEYS, packages
from airflow_sparktune.study.journal.follow import read_study
from tests.orchestrator.conftest import RUN


def test_templated_budgets(operator, run, spark_submit, storage) -> None:
    """Texts from templates are accepted as numbers."""
    spark_submit("works")
    run(operator(max_evals="4", parallelism="2", timeout=timedelta(minutes=1), seed="7"))
    spec = read_study(str(storage / RUN / "g0")).study.spec
    assert (spec.max_evals, spec.parallelism, spec.timeout, spec.seed) == (4, 2, 60.0, 7)


def test_all_arguments_of_the_spec_are_templated() -> None:
    """Budgets, arguments and paths may be templates; the provider's template fields are kept."""
    fields = set(SparkTuneOperator.template_fields)
    assert {"objective", "objective_kwargs", "space", "max_evals", "timeout", "storage", "conf"} <= fields


def test_the_operator_takes_every_argument_of_a_spec() -> None:
    """The constructor has each key of the spec: templated, documented, unset by default."""
    found = inspect.signature(SparkTuneOperator.__init__).parameters
    for item in KEYS:
        assert found[item.name].default is None, item.name
        assert item.name in SparkTuneOperator.template_fields
        assert f":param {item.name}: {item.doc}" in (SparkTuneOperator.__doc__ or "")
    given = {item.name: f"{{{{ {item.name} }}}}" for item in KEYS}
    task = SparkTuneOperator(task_id="tune", **given)
    assert {name: getattr(task, name) for name in given} == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_evals": 0}, "max_evals must be a whole number of at least 1, got 0"),
        ({"parallelism": "many"}, "parallelism must be a whole number of at least 1, got 'many'"),
        ({"timeout": timedelta(seconds=-1)}, "timeout must be a time above 0"),
        ({"objective_kwargs": {"model": object()}}, r"objective_kwargs\['model'\] must be plain JSON"),
        ({"space": {"x": {"unifrom": [0, 1]}}}, "did you mean 'uniform'"),
        ({"objective": "train"}, "objective must be 'module:name'"),
        ({"objective": "train.py:loss"}, "a named file must exist, got 'train.py'"),
        ({"execution": {"run_trials_on": "moon"}}, "execution.run_trials_on must be 'executors'"),
        ({"algo": "magic"}, f"algo must be one of {', '.join(ALGORITHMS)}"),
    ],
)
def test_invalid_input_is_rejected_before_anything_is_submitted(
    rendered, run, spark_submit, given, message
) -> None:
    """The error has rule, value and way out, and is not retried."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=message):
        run(rendered(**given))
    assert note() is None


def test_a_misspelled_objective_starts_no_spark(operator, run, spark_submit, tmp_path) -> None:
    """The objective is looked up in the source beside the DAG, which is not run."""
    note = spark_submit("works")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "train.py").write_text("raise SystemExit\ndef loss(params, rows=1): ...\n")
    with pytest.raises(AirflowFailException, match="train has no 'los'; did you mean 'loss'"):
        run(operator(objective="train:los"))
    with pytest.raises(AirflowFailException, match=r"must fit its arguments.*'row'"):
        run(operator(objective="train:loss", objective_kwargs={"row": 5}))
    assert note() is None


def test_a_warm_start_without_a_study_starts_no_spark(operator, run, spark_submit, tmp_path) -> None:
    """Its address is opened by the task, unless the driver on another machine may find a folder there."""
    note = spark_submit("works")
    absent = str(tmp_path / "absent")
    with pytest.raises(AirflowFailException, match=f"found no journal that can be read at {absent}"):
        run(operator(warm_start=absent))
    with pytest.raises(AirflowFailException, match="a URL or an absolute path, got 'last/week'"):
        run(operator(warm_start="last/week"))
    assert note() is None
    spark_submit("works on YARN", master="yarn")
    with suppress(DriverLost, AirflowFailException):  # the stand-in has no study to offer
        run(operator(warm_start=absent, deploy_mode="cluster", durable=False))
    assert note() is not None


def test_a_missing_package_of_the_algorithm_starts_no_spark(operator, run, spark_submit, monkeypatch) -> None:
    """It is missed only where the driver runs with this Python."""
    note = spark_submit("works")
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    task = operator(algo="optuna:TPESampler")
    with pytest.raises(AirflowFailException, match="needs the package 'optuna' where the driver runs"):
        run(task)
    assert note() is None
    run(operator(algo="optuna:TPESampler", conf={"spark.pyspark.driver.python": "/opt/py/bin/python"}))
    run(operator(algo="tpe"))
    assert note() is not None


def test_secrets_stay_out_of_the_spec(operator, run, spark_submit, storage) -> None:
    """A value or key that Airflow masks is rejected; the message has its place but not the value."""
    spark_submit("works")
    mask_secret("correct-horse-battery")
    with pytest.raises(AirflowFailException, match=r"\['dsn'\] must not hold a secret") as caught:
        run(operator(objective_kwargs={"dsn": "db://me:correct-horse-battery@host"}))
    assert "horse" not in str(caught.value)
    with pytest.raises(AirflowFailException, match=r"a key of objective_kwargs must not hold") as caught:
        run(operator(objective_kwargs={"correct-horse-battery": True}))
    assert "horse" not in str(caught.value)
    assert not storage.exists()


def test_nothing_to_run(run, storage) -> None:
    """The error says that an objective or a script is needed."""
    with pytest.raises(AirflowFailException, match="a spec must have objective, got none"):
        run(SparkTuneOperator(task_id="tune", storage=str(storage)))


def test_an_invalid_number_of_studies_is_rejected_at_once(rendered, run, spark_submit) -> None:
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match="keep_studies must be a number of studies, or an age"):
        run(rendered(keep_studies="all"))
    assert note() is None
