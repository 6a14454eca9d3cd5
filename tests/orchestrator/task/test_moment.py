"""The time of the data that a run is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sparktune.orchestrator.task.instance import moment_of
from airflow_sparktune.study.definition import Spec

SUNDAY = datetime(2026, 11, 29, tzinfo=UTC)
MONDAY = SUNDAY + timedelta(days=1)


def context(*, run_after: datetime | None = None, **given: Any) -> Any:
    return {**given, "dag_run": SimpleNamespace(run_after=run_after)}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        # A data interval that ended on Sunday, which Airflow names by its beginning.
        (
            context(logical_date=SUNDAY - timedelta(days=7), data_interval_end=SUNDAY, run_after=SUNDAY),
            SUNDAY,
        ),
        (context(logical_date=SUNDAY, run_after=MONDAY), SUNDAY),
        # A run that assets have triggered; the API allows a run without a date, too.
        (context(run_after=MONDAY), MONDAY),
        (context(logical_date=None, data_interval_end=None, run_after=MONDAY), MONDAY),
    ],
)
def test_the_moment_of_a_run(run: Any, expected: datetime) -> None:
    assert moment_of(run) == expected.timestamp()


def test_a_run_without_any_date() -> None:
    """The study takes the time of its first start then."""
    assert moment_of(context()) is None
    assert moment_of({}) is None  # type: ignore[typeddict-item]


def test_the_moment_is_passed_on_and_no_part_of_the_identity(operator, run, spark_submit) -> None:
    spark_submit("works")
    _, ti = run(operator(retuning={"incumbent": "champion"}), dates={"data_interval_end": SUNDAY})
    spec = Spec.from_json(json.loads(Path(ti.pushed["study"], "spec.json").read_text()))
    assert spec.moment == SUNDAY.timestamp()
    assert spec.changed_identity(Spec.of(**{**spec.to_json(), "moment": 1.0})) == ()
