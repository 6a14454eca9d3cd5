from __future__ import annotations

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.errors import DriverLost


def test_a_jvm_that_ends_while_spark_starts() -> None:
    """A retry may help: YARN, for example, ends it if the ApplicationMaster is refused."""

    def connect() -> SparkContext:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(DriverLost, match=r"JVM ended while Spark started: .* Connection refused"):
        SparkEngine(connect).start()
