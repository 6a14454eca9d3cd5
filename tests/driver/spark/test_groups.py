"""Job groups can be cancelled on every release of Spark."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors.exceptions.captured import CapturedException

from airflow_sparktune.driver.spark import context
from airflow_sparktune.driver.spark.context import Groups

pytestmark = pytest.mark.integration


def sleep(rows: Iterator[int]) -> list[int]:
    time.sleep(100)
    return list(rows)


def test_a_job_that_starts_after_its_cancellation_ends_on_every_release(
    spark: SparkContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark 3.5 cancels only the running jobs of a group, so cancelling repeats until the thread ends."""
    monkeypatch.setattr(context, "_CANCELS_FUTURE_JOBS", False)
    groups, runs = Groups(), [True]
    groups.cancel(spark, 7, runs=lambda: bool(runs))
    spark.setJobGroup(groups.of(7), "trial 7", interruptOnCancel=True)
    try:
        with pytest.raises((Py4JJavaError, CapturedException), match="cancelled"):
            spark.parallelize([0], 1).mapPartitions(sleep).collect()
    finally:
        runs.clear()
        spark.setLocalProperty("spark.jobGroup.id", None)
