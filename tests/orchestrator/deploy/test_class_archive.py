"""The archive of Spark's classes: made once in the background, and never a reason to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sparktune.orchestrator.deploy.client import Client
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.jvm import class_archive
from airflow_sparktune.orchestrator.deploy.jvm.class_archive import MOST_OTHERS, ClassArchive
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.study.spec import Spec

SPACE = {"x": {"uniform": [0, 1]}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "airflow-sparktune"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands of processes that would be started."""
    commands: list[list[str]] = []
    stand_in = SimpleNamespace(Popen=lambda command, **_: commands.append(command), DEVNULL=None)
    monkeypatch.setattr(class_archive, "subprocess", stand_in)
    return commands


def archive() -> ClassArchive:
    found = ClassArchive.of(SparkInstall.find("spark-submit"))
    assert found is not None
    return found


def study(folder: Path, work: str, **given: Any) -> tuple[Client, str]:
    """Return a way, and the JVM options with which it would run a study."""
    spec = Spec.of(objective="m:f", space=SPACE, max_evals=1, **given)
    way = Client(Target(master="local[2]", install=SparkInstall.find("spark-submit")))
    (folder / work).mkdir()
    submission = way.submission(Job(address=str(folder), spec=spec), folder / work)
    return way, submission.environment["SPARK_SUBMIT_OPTS"]


def test_the_first_study_has_it_made_and_the_next_ones_use_it(cache, started, tmp_path: Path) -> None:
    way, options = study(tmp_path, "first")
    assert "SharedArchiveFile" not in options
    way.finished()
    way.finished()
    assert len(started) == 1
    assert "SharedArchiveFile" not in study(tmp_path, "second")[1]  # it is not finished yet
    Path(started[0][-1]).write_bytes(b"classes")
    assert f"-XX:SharedArchiveFile={started[0][-1]}" in study(tmp_path, "third")[1]


def test_only_a_jvm_with_the_same_options_uses_it(cache, started, tmp_path: Path) -> None:
    """An archive that was made with other options is of no use."""
    way, options = study(tmp_path, "work", run_trials_on="driver")
    way.finished()
    assert "SharedArchiveFile" not in options
    assert started == []


def test_another_release_has_its_own(cache, tmp_path: Path) -> None:
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    install = SparkInstall({}, tmp_path / "spark")
    first = ClassArchive.of(install)
    os.utime(tmp_path / "spark" / "jars", (0, 0))  # as an upgrade in the same folder changes it
    second = ClassArchive.of(install)
    assert len({archive(), first, second}) == 3


def test_without_spark_or_java_there_is_none(cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = SparkInstall.find("spark-submit")
    assert ClassArchive.of(SparkInstall({}, tmp_path)) is None
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert ClassArchive.of(install) is None


@pytest.mark.parametrize("variable", [None, "HADOOP_CONF_DIR"])
def test_with_a_conf_folder_there_is_none(
    cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    """Java refuses to make one, so it need not be tried."""
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    conf = tmp_path / "hadoop" if variable else tmp_path / "spark" / "conf"
    conf.mkdir()
    if variable:
        monkeypatch.setenv(variable, str(conf))
    install = SparkInstall({}, tmp_path / "spark")
    assert ClassArchive.of(install) is not None
    (conf / "core-site.xml").touch()
    assert ClassArchive.of(install) is None


def test_old_ones_are_removed(cache, started) -> None:
    cache.mkdir(mode=0o700, parents=True)
    for number in range(MOST_OTHERS + 2):
        (cache / f"{number}.jsa").touch()
        os.utime(cache / f"{number}.jsa", (number, number))
    archive().make()
    assert {path.name for path in cache.iterdir()} == {"2.jsa", "3.jsa", "4.jsa", archive().path.name}


def test_a_cache_that_cannot_be_used_is_no_error(cache, started) -> None:
    cache.parent.mkdir()
    cache.write_text("a file")
    archive().make()
    assert archive().options == ()
    assert started == []


def test_a_folder_that_others_can_write_to_is_not_used(cache, started) -> None:
    """They could choose what the JVM runs."""
    cache.mkdir(parents=True)
    archive().path.write_bytes(b"classes")
    assert archive().options
    cache.chmod(0o770)
    assert archive().options == ()
    archive().path.unlink()
    archive().make()
    assert started == []


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_jvm_maps_spark_s_classes(cache, tmp_path: Path) -> None:
    """And an archive that is none is ignored without a word."""
    made = archive()
    assert classes_from(made, tmp_path)[0] == 0
    made.make()
    until = time.monotonic() + 400
    while not made.options and time.monotonic() < until:
        time.sleep(0.2)
    mapped, said = classes_from(made, tmp_path)
    assert mapped > 5_000
    assert not list(cache.glob("*.new.jsa"))
    made.path.unlink()
    made.path.write_bytes(b"no archive")
    assert classes_from(made, tmp_path) == (0, said)


def classes_from(made: ClassArchive, folder: Path) -> tuple[int, str]:
    """Start a context; return how many classes came from the archive, and what the JVM printed."""
    script = folder / "context.py"
    script.write_text("from pyspark import SparkContext\nSparkContext.getOrCreate().stop()\n")
    loaded = folder / "loaded.log"
    install = SparkInstall.find("spark-submit")
    options = [
        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *made.options, f"-Xlog:class+load:file={loaded}",
        "-Dlog4j2.level=OFF",
    ]  # fmt: skip
    done = subprocess.run(
        ["spark-submit", "--master", "local[1]", "--conf", f"spark.pyspark.python={sys.executable}", script],
        env={**os.environ, **install.environment, "SPARK_SUBMIT_OPTS": " ".join(options)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = loaded.read_text().splitlines()
    loaded.unlink()
    return sum("source: shared objects file (top)" in line for line in lines), done.stdout
