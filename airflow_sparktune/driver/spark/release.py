"""Check that pyspark and the JVM of Spark are the same release."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyspark
from pyspark import SparkContext

from airflow_sparktune.errors import PlatformError

# The release of pyspark as numbers: (3, 5, 1) for 3.5.1-amzn-0.
PYTHON_RELEASE = tuple(map(int, re.findall(r"\d+", pyspark.__version__)[:3]))
EXTRA = "pip install 'airflow-sparktune[pyspark]'"


def check_releases() -> None:
    """Raise PlatformError if pyspark and the JVM differ, or two distributions share pyspark's folder.

    Starts the JVM if it is not running.
    """
    folder = Path(pyspark.__file__).parent
    refuse_mixed_folder(folder, {name: _installed(name, folder) for name in ("pyspark", "pyspark-client")})
    SparkContext._ensure_initialized()
    # The package object of org.apache.spark. Its name is a keyword in Java, but not for py4j.
    jvm = getattr(SparkContext._jvm.org.apache.spark, "package").SPARK_VERSION()  # noqa: B009
    refuse_other_jvm(pyspark.__version__, jvm, folder=folder, jar=jar_of_spark())


def refuse_mixed_folder(folder: Path, installed: dict[str, str | None]) -> None:
    """Raise PlatformError if distributions of different releases are installed in `folder`."""
    releases = {name: release for name, release in installed.items() if release is not None}
    if len(set(releases.values())) > 1:
        found = " and ".join(f"{name} {release}" for name, release in releases.items())
        raise PlatformError(
            f"pyspark and pyspark-client must be one release, got {found}, which install the same files "
            f"in {folder}; {EXTRA}, or uninstall pyspark and set SPARK_HOME"
        )


def refuse_other_jvm(python: str, jvm: str, *, folder: Path, jar: str) -> None:
    """Raise PlatformError if the releases of pyspark and the JVM differ; `jar` is where its Spark is from."""
    if _numbers(python) != _numbers(jvm):
        raise PlatformError(
            f"pyspark and Spark's JVM must be one release, got {python} from {folder} and {jvm} from {jar}; "
            "start the program with that Spark's spark-submit, or unset SPARK_HOME"
        )


def _numbers(release: str) -> list[str]:
    """Return the numbers of a release, without a vendor's suffix.

    >>> _numbers("3.5.1-amzn-0"), _numbers("4.2.0.dev1")
    (['3', '5', '1'], ['4', '2', '0'])
    """
    return re.findall(r"\d+", release)[:3]


def _installed(name: str, folder: Path) -> str | None:
    """Return the release of a distribution, or None if it is not installed in `folder`."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return found.version if Path(str(found.locate_file("pyspark"))) == folder else None


def jar_of_spark() -> str:
    """Return the file from which the JVM has loaded Spark.

    Not pyspark's own search for SPARK_HOME, which ends the process if it finds none, as in YARN's containers.
    """
    found = SparkContext._jvm.org.apache.spark.SparkContext._java_lang_class
    location: str = found.getProtectionDomain().getCodeSource().getLocation().getPath()
    return location
