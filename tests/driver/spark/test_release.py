"""Different releases of pyspark and the JVM are rejected with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.spark.release import check_releases, refuse_mixed_folder, refuse_other_jvm
from airflow_sparktune.errors import PlatformError

FOLDER = Path("/site/pyspark")
ROOT = Path(__file__).parents[3]


@pytest.mark.integration
def test_this_spark_is_one_release(spark: SparkContext) -> None:
    """The environment of `make install` passes the check."""
    check_releases()


@pytest.mark.integration
def test_a_container_of_yarn_is_one_release(spark: SparkContext) -> None:
    """There, pyspark comes in zips, the JVM is running, and neither SPARK_HOME nor spark-submit exists."""
    gateway = spark._gateway.gateway_parameters
    zips = sorted((Path(pyspark.__file__).parent / "python" / "lib").glob("*.zip"))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "SPARK_HOME"},
        "PYSPARK_GATEWAY_PORT": str(gateway.port),
        "PYSPARK_GATEWAY_SECRET": gateway.auth_token,
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *zips])),
    }
    program = (
        "import pyspark; from airflow_sparktune.driver.spark.release import check_releases, jar_of_spark;"
        "check_releases(); print(pyspark.__file__, jar_of_spark())"
    )
    done = subprocess.run(
        # -S: without the site-packages of this environment, in which pyspark has a spark-submit
        [sys.executable, "-S", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    module, jar = done.stdout.split()
    assert module.endswith("pyspark.zip/pyspark/__init__.py")
    assert Path(jar).is_file()
    assert Path(jar).name.startswith("spark-core_")


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
        PlatformError,
        match=r"got 4\.2\.0 from /site/pyspark and 3\.5\.9 from /opt/spark/jars/core\.jar; start",
    ):
        refuse_other_jvm("4.2.0", "3.5.9", folder=FOLDER, jar="/opt/spark/jars/core.jar")
