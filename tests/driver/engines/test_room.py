from __future__ import annotations

import logging

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.engines.base import Patience, Work
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.executor.imported import ImportedObjective

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("parallelism", "warnings"), [(None, 0), (2, 0), (3, 1)])
def test_more_parallelism_than_the_cluster_has_slots_is_logged(
    spark: SparkContext, caplog: pytest.LogCaptureFixture, parallelism: int | None, warnings: int
) -> None:
    """The Spark of the tests has two slots."""
    task = ImportedObjective("tests.driver.spark_objectives:echo", {})
    engine = SparkEngine(lambda: spark)
    engine.start()
    with caplog.at_level(logging.WARNING):
        engine.lane(Work(objective=lambda: task, parallelism=parallelism)).prepare(Patience())
    engine.close()
    assert sum("task slots of the cluster" in each.message for each in caplog.records) == warnings
