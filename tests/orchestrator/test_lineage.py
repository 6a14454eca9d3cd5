"""Lineage: the data sets and the result of a study."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.lineage import HookLineageCollector
from airflow.utils.state import TaskInstanceState

from airflow_sparktune.orchestrator import lineage


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> HookLineageCollector:
    """Return Airflow's own collector, as if a plugin reads the lineage."""
    collector = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)
    return collector


def inputs(collector: HookLineageCollector) -> list[str]:
    return [found.asset.uri for found in collector.collected_assets.inputs]


def test_the_data_sets_are_the_inlets_and_the_addresses(operator, run, spark_submit, collector) -> None:
    """Other values in the objective's arguments are not data sets."""
    spark_submit("works")
    kwargs = {"rows": "s3://lake/orders", "week": "2026-11-02", "others": ["file://data/shops.csv"], "n": 3}
    run(operator(inlets=[Asset("s3://lake/customers")], objective_kwargs=kwargs))
    assert inputs(collector) == ["s3://lake/customers", "s3://lake/orders", "file://data/shops.csv"]


def test_an_address_that_airflow_rejects_is_ignored(operator, run, spark_submit, collector, caplog) -> None:
    caplog.set_level("INFO")
    spark_submit("works")
    run(operator(objective_kwargs={"rows": "airflow://orders", "text": "see http://a.example and wait"}))
    assert inputs(collector) == []
    assert "airflow://orders is left out of the lineage" in caplog.text


def test_the_facet_has_the_study_and_the_decision(operator, run, spark_submit) -> None:
    """The OpenLineage provider requests the facet after the task has succeeded."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager
    from openlineage.client.serde import Serde

    spark_submit("replaces")
    task = operator(retuning={"incumbent": "champion"}, segment="fr", objective_kwargs={"week": "2026-11-02"})
    _, ti = run(task)
    found: Any = ExtractorManager().extract_metadata(ti, task, TaskInstanceState.SUCCESS, ti)
    facet = Serde.to_dict(found.run_facets["sparktune_study"])
    assert {
        name: facet[name] for name in ("study", "objective", "objectiveKwargs", "segment", "decision")
    } == {
        "study": ti.pushed["study"],
        "objective": "m:f",
        "objectiveKwargs": {"week": "2026-11-02"},
        "segment": "fr",
        "decision": "replaced",
    }
    assert facet["decisionReason"] == "trial 1 is better by 0.1"
    assert facet["params"] == {"x": 1}
    assert list(facet["space"]) == ["x"]
    assert facet["loss"] == 0.4
    assert facet["afterSeconds"] >= 0
    assert not {"maximize", "score"} & set(facet)  # OpenLineage sends no nulls


def test_an_event_says_the_score(operator, run, spark_submit) -> None:
    spark_submit("replaces")
    task = operator(retuning={"incumbent": "champion"}, maximize="accuracy")
    _, ti = run(task)
    facet = task.get_openlineage_facets_on_complete(ti).run_facets["sparktune_study"]
    assert (facet.loss, facet.maximize, facet.score) == (0.4, "accuracy", -0.4)


def test_without_the_provider_there_is_no_facet(
    operator, run, spark_submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)
    spark_submit("works")
    task = operator()
    _, ti = run(task)
    assert task.get_openlineage_facets_on_complete(ti) is None
