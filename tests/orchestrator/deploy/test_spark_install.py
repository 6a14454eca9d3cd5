"""Find Spark and Java on the machine that submits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from airflow_sparktune.errors import PlatformError
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall, check_java


def fake_java(home: Path, version: str) -> str:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return str(home)


def test_java_missing(tmp_path: Path) -> None:
    """An error is raised if neither JAVA_HOME nor PATH has Java."""
    with pytest.raises(PlatformError, match=r"Java 17 or newer, found none .*; install Java 17 or newer"):
        check_java({"PATH": str(tmp_path)})
    with pytest.raises(PlatformError, match=f"JAVA_HOME is {tmp_path}"):
        check_java({"JAVA_HOME": str(tmp_path)})


def test_java_too_old(tmp_path: Path) -> None:
    """The error names the version and the path of Java."""
    home = fake_java(tmp_path, "11.0.22")
    with pytest.raises(PlatformError, match=f"got 11.0.22 from {home}/bin/java"):
        check_java({"JAVA_HOME": home})


def test_java_new_enough(tmp_path: Path) -> None:
    """No error is raised."""
    check_java({"JAVA_HOME": fake_java(tmp_path, "21.0.2")})


def test_spark_beside_this_python(tmp_path: Path) -> None:
    """Without a venv on PATH, the Spark of Airflow's own venv is found, with its SPARK_HOME."""
    environment = {"PATH": "/usr/bin", "JAVA_HOME": fake_java(tmp_path, "17.0.1")}
    install = SparkInstall.find("spark-submit", environment=environment)
    assert install.environment["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert Path(install.environment["SPARK_HOME"], "bin", "spark-submit").exists()


def test_spark_on_path_wins(tmp_path: Path) -> None:
    """A user's installation on PATH has precedence."""
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin", "JAVA_HOME": fake_java(tmp_path / "java", "17.0.1")}
    assert "SPARK_HOME" not in SparkInstall.find("spark-submit", environment=environment).environment


def test_spark_home_is_used_where_path_has_none(tmp_path: Path) -> None:
    """SPARK_HOME has precedence over pyspark, and its bin folder is put on PATH."""
    program = tmp_path / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = {
        "PATH": "/usr/bin",
        "SPARK_HOME": str(tmp_path / "spark"),
        "JAVA_HOME": fake_java(tmp_path / "java", "17.0.1"),
    }
    added = SparkInstall.find("spark-submit", environment=environment).environment
    assert added["PATH"].split(":")[0] == str(program.parent)
    assert "SPARK_HOME" not in added


def test_spark_missing(tmp_path: Path) -> None:
    """The error says how to install Spark."""
    with pytest.raises(PlatformError, match="spark9-submit must be on PATH, in SPARK_HOME or beside"):
        SparkInstall.find("spark9-submit", environment={"PATH": str(tmp_path)})
