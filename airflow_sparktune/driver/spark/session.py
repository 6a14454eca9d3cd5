"""The application's Spark session, with the settings that trials do best with."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from airflow_sparktune.driver.spark.release import check_releases


def start_session(
    name: str, *, trials_on_executors: bool = True, fresh_workers: bool = False
) -> SparkSession:
    """Return the application's session, with the settings that cost nothing and win unless somebody set them.

    `fresh_workers` gives each trial a new Python process.
    """
    conf = _conf(name, trials_on_executors=trials_on_executors, fresh_workers=fresh_workers)
    return SparkSession.builder.config(conf=conf).getOrCreate()


def start_context(name: str, *, fresh_workers: bool = False) -> SparkContext:
    """Start a plain context for trials on executors, with the same settings.

    Trials need no session, whose start takes a second more.
    """
    return SparkContext.getOrCreate(_conf(name, trials_on_executors=True, fresh_workers=fresh_workers))


def _conf(name: str, *, trials_on_executors: bool, fresh_workers: bool) -> SparkConf:
    conf = _submitted()
    conf.setIfMissing("spark.app.name", name)
    for setting, value in _defaults(conf, trials_on_executors=trials_on_executors).items():
        conf.setIfMissing(setting, value)
    if fresh_workers:
        conf.set("spark.python.worker.reuse", "false")
    return conf


def offer_settings() -> None:
    """Give a session that others will start the same settings, each unless somebody set it.

    Spark's own tries of a task stay as they are: the session may have other work than trials.
    """
    conf = _submitted()
    system = SparkContext._jvm.java.lang.System
    for setting, value in _defaults(conf, trials_on_executors=False).items():
        if not conf.contains(setting):
            system.setProperty(setting, value)


def _submitted() -> SparkConf:
    # Before the JVM is there a SparkConf is empty, and would overwrite what was submitted. This starts it.
    check_releases()
    return SparkConf()


def _defaults(conf: SparkConf, *, trials_on_executors: bool) -> Mapping[str, str]:
    threads = conf.get("spark.task.cpus", "1") or "1"
    settings = {
        # A job over a Unix socket takes half the time of one over loopback TCP.
        "spark.python.unix.domain.socket.enabled": "true",
        "spark.python.worker.reuse": "true",
        # A cancelled trial keeps its slot until its worker is killed; nobody waits for what it may still say.
        "spark.python.task.killTimeout": "200ms",
        "spark.ui.showConsoleProgress": "false",
        # Trials share a machine: each keeps to its own cores, in local mode too.
        "spark.executorEnv.OMP_NUM_THREADS": threads,
        "spark.executorEnv.OPENBLAS_NUM_THREADS": threads,
        "spark.executorEnv.MKL_NUM_THREADS": threads,
    }
    if trials_on_executors:
        # A trial whose worker was lost is run again by the tuner; Spark would multiply that by its own tries.
        settings["spark.task.maxFailures"] = "1"
    return settings
