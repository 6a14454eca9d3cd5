"""The link to the page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.configuration import conf

from airflow_sparktune.orchestrator.links import SparktuneLinks, TuningLink

KEY = SimpleNamespace(
    dag_id="churn", task_id="tune", run_id="manual__2026-01-01T00:00:00+00:00", map_index=-1
)


@pytest.mark.parametrize(
    ("base_url", "path"), [("", ""), ("http://airflow:8080", ""), ("https://airflow.example/team/", "/team")]
)
def test_the_link_contains_the_ids(monkeypatch: pytest.MonkeyPatch, base_url: str, path: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)

    link = TuningLink().get_link(None, ti_key=KEY)

    run = "manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert link == f"{path}/sparktune/dags/churn/tasks/tune/runs/{run}/?map_index=-1"
    assert conf.get("api", "base_url") == base_url


def test_operator_and_decorator_have_the_link() -> None:
    (link,) = SparktuneLinks.operator_extra_links

    assert [each.__name__ for each in link.operators] == ["SparkTuneOperator", "DecoratedSparkTuneOperator"]
