"""A script around fmin in place of an objective."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_sparktune.errors import DriverLost


def test_a_script_replaces_the_spec(operator, run, spark_submit, tmp_path) -> None:
    """A script beside the DAG runs under the launcher, with its arguments and its study's address."""
    note = spark_submit("dies early")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "search.py").write_text("")
    with pytest.raises(DriverLost):
        run(operator(application_args=["--rows", 5], **SCRIPT))
    line = note()["arguments"]
    assert line[line.index("--script") :] == ["--script", str(tmp_path / "dags" / "search.py"), "--rows", "5"]
    assert note()["conf"]["spark.sparktune.study"] == line[line.index("--study") + 1]


SCRIPT = {"objective": None, "space": None, "max_evals": None, "seed": None, "application": "search.py"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "m:f"}, "'search.py' together with objective; a script sets its own"),
        ({"timeout": 60, "parallelism": 2}, "'search.py' together with parallelism, timeout"),
        ({}, "application must be a file, got 'search.py' and found none of .*/dags/search.py"),
        ({"application": "", "application_args": ["--rows"]}, "application_args must go with an application"),
    ],
)
def test_scripts_that_cannot_be_run(operator, run, spark_submit, given, message) -> None:
    """Arguments that a script ignores and a missing file fail the task before it submits."""
    note = spark_submit("works")
    with pytest.raises(AirflowFailException, match=message):
        run(operator(**{**SCRIPT, **given}))
    assert note() is None
