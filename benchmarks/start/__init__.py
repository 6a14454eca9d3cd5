"""Benchmarks of the seconds before the first trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from airflow_sparktune.orchestrator.deploy.jvm.class_archive import ClassArchive
from airflow_sparktune.orchestrator.deploy.process import environment
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from tests.integration.airflow_site import wait_for


@contextmanager
def class_archive() -> Iterator[ClassArchive]:
    """Make an archive of Spark's classes in a new cache folder, and use it in this context."""
    with TemporaryDirectory() as cache, environment({"XDG_CACHE_HOME": cache}):
        archive = ClassArchive.of(SparkInstall.find("spark-submit"))
        if archive is None:
            raise RuntimeError(
                "Java must be able to archive Spark's classes here, but is not: see ClassArchive"
            )
        archive.make()
        wait_for(lambda: archive.options, what="the archive of Spark's classes", within_s=300, every_s=1)
        yield archive


@contextmanager
def hidden(archive: ClassArchive) -> Iterator[None]:
    """Let no driver use the archive in this context, as before it is made."""
    aside = archive.path.with_suffix(".aside")
    archive.path.rename(aside)
    archive.path.touch()
    try:
        yield
    finally:
        aside.replace(archive.path)
