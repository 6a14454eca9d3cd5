"""Find Spark and Java on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from airflow_sparktune.errors import PlatformError

# Required by Spark 4.
OLDEST_JAVA = 17

_VERSION = re.compile(r'version "(?P<version>[^"]+)"')


@dataclass(frozen=True, slots=True)
class SparkInstall:
    """An installation of Spark: its folder, and the environment for spark-submit."""

    environment: Mapping[str, str]
    home: Path

    @classmethod
    def find(cls, binary: str, *, environment: Mapping[str, str] | None = None) -> SparkInstall:
        """Find the installation of `binary` (spark-submit, or a path).

        Searches PATH, then SPARK_HOME, then the pyspark package beside this Python. Raises PlatformError if
        there is none, or if Java is missing or too old.
        """
        given = dict(os.environ if environment is None else environment)
        beside = Path(sys.executable).parent
        path = given.get("PATH", os.defpath)
        folders = [path, str(beside)]
        if home := given.get("SPARK_HOME"):
            folders.insert(1, str(Path(home, "bin")))
        found = next(filter(None, (shutil.which(binary, path=folder) for folder in folders)), None)
        if found is None:
            raise PlatformError(
                f"{binary} must be on PATH, in SPARK_HOME or beside {sys.executable}, but was not found; "
                "set SPARK_HOME, or pip install 'airflow-sparktune[pyspark]' into Airflow's environment"
            )
        check_java(given)
        # Spark's scripts look for `python3` and for each other on PATH.
        added = {"PATH": f"{Path(found).parent}{os.pathsep}{path}", "PYTHONUNBUFFERED": "1"}
        home = given.get("SPARK_HOME")
        if home is None and Path(found).parent == beside:
            home = added["SPARK_HOME"] = str(_pyspark_home())
        return cls(added, Path(home) if home else Path(found).parents[1])

    def defaults_file(self, env_vars: Mapping[str, str]) -> Path | None:
        """Return the spark-defaults.conf that spark-submit would read with these variables, if any."""
        given = {**os.environ, **self.environment, **env_vars}
        home = Path(given.get("SPARK_HOME") or self.home)
        file = Path(given.get("SPARK_CONF_DIR") or home / "conf", "spark-defaults.conf")
        return file if file.is_file() else None


def check_java(environment: Mapping[str, str]) -> None:
    """Raise PlatformError if the Java that Spark will use is missing or too old."""
    home = environment.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    way_out = f"install Java {OLDEST_JAVA} or newer and point JAVA_HOME at it"
    try:
        output = subprocess.run(
            [java, "-version"],
            capture_output=True,
            text=True,
            check=False,
            env=dict(environment),
            timeout=60,
        ).stderr
    except OSError:
        where = f"JAVA_HOME is {home}" if home else "JAVA_HOME is unset and PATH has none"
        raise PlatformError(
            f"Spark needs Java {OLDEST_JAVA} or newer, found none ({where}); {way_out}"
        ) from None
    match = _VERSION.search(output)
    if match is not None and java_release(match["version"]) < OLDEST_JAVA:
        raise PlatformError(
            f"Spark needs Java {OLDEST_JAVA} or newer, got {match['version']} from {java}; {way_out}"
        )


def java_release(version: str) -> int:
    """Return the feature release of a Java version.

    >>> java_release("17.0.21"), java_release("1.8.0_402"), java_release("21-ea")
    (17, 8, 21)
    """
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def _pyspark_home() -> Path:
    """Return the folder of the pyspark package without importing it."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise PlatformError(f"pyspark must be installed beside {sys.executable}; pip install pyspark")
    return Path(spec.origin).parent
