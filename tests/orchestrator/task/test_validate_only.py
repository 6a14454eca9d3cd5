"""`validate_only`: everything is checked and shown, nothing is started, written or evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.log import mask_secret

from airflow_sparktune import SparkTuneOperator
from tests.orchestrator.conftest import TaskInstance


@pytest.fixture
def validated(run, capsys, monkeypatch) -> Any:
    """Execute an operator, which must skip; returns the plan from XCom and the log."""
    pushed = {}

    def keep(self: TaskInstance, *, key: str, value: Any) -> None:
        pushed[key] = value

    monkeypatch.setattr(TaskInstance, "xcom_push", keep)

    def execute(task: Any, **context: Any) -> tuple[dict[str, Any], str]:
        pushed.clear()
        with pytest.raises(AirflowSkipException, match="nothing was submitted"):
            run(task, **context)
        assert list(pushed) == ["plan"]
        return pushed["plan"], capsys.readouterr().out

    return execute


def test_nothing_is_started_or_written(operator, validated, spark_submit, storage: Path) -> None:
    """The plan is in the log and in XCom; no study, no claim, no spark-submit."""
    note = spark_submit("works")
    found, log = validated(operator(validate_only=True, conf={"spark.executor.memory": "2g"}))
    assert note() is None
    assert not storage.exists()
    assert found["standing"] == "new"
    assert found["spec"]["max_evals"] == 3
    assert found["conf"]["spark.executor.memory"] == "2g"
    assert "spark.executor.memory = 2g" in log
    assert found["user_code"] == ()


@pytest.mark.parametrize(
    ("master", "extra"), [("local[2]", {}), ("yarn", {"deploy-mode": "cluster"})], ids=["client", "cluster"]
)
def test_the_command_is_the_one_that_runs(operator, run, validated, spark_submit, master, extra) -> None:
    """Apart from the work folder, which each submission has for itself."""
    note = spark_submit("works on YARN" if extra else "works", master=master, **extra)
    found, _ = validated(operator(validate_only=True, name="nightly", num_executors=3))
    run(operator(name="nightly", num_executors=3))

    def options(line: list[str]) -> list[str]:
        return sorted(word.rpartition("/")[2] for word in line if "sparktune-" not in word)

    assert options(found["command"][1:]) == options(note()["arguments"])


def test_secrets_are_masked(operator, validated, spark_submit) -> None:
    """By the name of a setting or variable, inside its value, and as the login of a URL."""
    spark_submit("works")
    found, log = validated(
        operator(
            validate_only=True,
            conf={
                "spark.hadoop.fs.s3a.secret.key": "hunter2",
                "spark.executor.extraJavaOptions": "-Ddb.password=hunter2",
                "spark.eventLog.dir": "s3a://ann:hunter2@logs/x",
                "spark.hadoop.fs.azure.account.key.ann.dfs.core.windows.net": "hunter2",
            },
            env_vars={"API_TOKEN": "hunter2", "BILLING": '{"password": "hunter2"}'},
        )
    )
    assert "hunter2" not in str(found) + log
    assert found["conf"]["spark.eventLog.dir"] == "s3a://***@logs/x"


def test_secrets_are_masked_on_the_command_line(validated, spark_submit, tmp_path) -> None:
    """Those that options of a script hold."""
    spark_submit("works")
    script = tmp_path / "tune.py"
    script.write_text("")
    arguments = ["--password", "hunter2", "--api-token=hunter2", "--rows", "1000"]
    task = SparkTuneOperator(
        task_id="tune",
        application=str(script),
        application_args=arguments,
        storage=str(tmp_path / "studies"),
        validate_only=True,
    )
    found, log = validated(task)
    assert "hunter2" not in str(found) + log
    assert found["command"][-5:] == ("--password", "***", "***", "--rows", "1000")


def test_values_that_airflow_masks_are_masked_in_xcom_too(operator, validated, spark_submit) -> None:
    """Whatever the name of the setting that a template has put them in."""
    mask_secret("correct-horse-battery")
    spark_submit("works")
    found, log = validated(operator(validate_only=True, conf={"spark.x": "of correct-horse-battery"}))
    assert found["conf"]["spark.x"] == "of ***"
    assert "correct-horse-battery" not in str(found) + log


def test_a_study_with_trials_says_where_it_continues(operator, run, validated, spark_submit) -> None:
    """And one with its result says that a run would return it."""
    spark_submit("works")
    run(operator())
    assert validated(operator(validate_only=True))[0]["standing"] == "already has this result"
    assert validated(operator(validate_only=True, max_evals=9))[0]["standing"].startswith("continues after")


def test_what_is_wrong_is_said(rendered, run, spark_submit) -> None:
    """The errors are those of a run."""
    spark_submit("works")
    with pytest.raises(AirflowFailException, match="parallelism must be a whole number"):
        run(rendered(validate_only="True", parallelism=0))
    with pytest.raises(AirflowFailException, match="validate_only must be True or False, got 'yes'"):
        run(rendered(validate_only="yes"))
    with pytest.raises(AirflowFailException, match="tracking"):
        run(rendered(validate_only=True, tracking="nowhere"))
