"""Different releases of pyspark and the JVM are rejected with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.spark.release import check_releases, refuse_mixed_folder, refuse_other_jvm
from airflow_sparktune.errors import PlatformError

FOLDER = Path("/site/pyspark")


@pytest.mark.integration
def test_this_spark_is_one_release(spark: SparkContext) -> None:
    """The environment of `make install` passes the check."""
    check_releases()


def test_two_distributions_in_one_folder() -> None:
    """The message names both distributions, the folder and the extra."""
    with pytest.raises(
        PlatformError, match=r"got pyspark 4\.3\.0 and pyspark-client 4\.2\.0, .* in /site/pyspark"
    ):
        refuse_mixed_folder(FOLDER, {"pyspark": "4.3.0", "pyspark-client": "4.2.0"})


@pytest.mark.parametrize("installed", [{"pyspark": "4.2.0", "pyspark-client": "4.2.0"}, {"pyspark": None}])
def test_one_release_in_a_folder(installed: dict[str, str | None]) -> None:
    """Two distributions of the same release pass, and so does a Spark that pip did not install."""
    refuse_mixed_folder(FOLDER, installed)


def test_a_python_half_and_a_jvm_of_different_releases() -> None:
    """A script run by plain Python with SPARK_HOME set has this problem."""
    with pytest.raises(
        PlatformError, match=r"got 4\.2\.0 from /site/pyspark and 3\.5\.9 from /opt/spark; start"
    ):
        refuse_other_jvm("4.2.0", "3.5.9", folder=FOLDER, home="/opt/spark")
