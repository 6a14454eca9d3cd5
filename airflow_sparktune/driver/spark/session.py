"""Start the application's Spark session with settings that suit trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from airflow_sparktune.driver.spark.release import check_releases
from airflow_sparktune.driver.spark.resources import TASK_CPUS, task_settings
from airflow_sparktune.study.definition.execution import TrialResources


def start_session(name: str, *, trials_on_executors: bool = True) -> SparkSession:
    """Return the application's session, with defaults for trials; settings of the user have precedence."""
    conf = _conf(name, trials_on_executors=trials_on_executors)
    return SparkSession.builder.config(conf=conf).getOrCreate()


def start_context(
    name: str, *, fresh_workers: bool = False, resources: TrialResources | None = None
) -> SparkContext:
    """Start a context without a session for trials on executors, with the same settings.

    A session would take another second to start. `fresh_workers` gives each trial a new Python process, and
    `resources` its cores and GPUs; raises PlatformError if executors cannot give these.
    """
    conf = _conf(name, trials_on_executors=True, resources=resources)
    if fresh_workers:
        conf.set("spark.python.worker.reuse", "false")
    return SparkContext.getOrCreate(conf)


def _conf(name: str, *, trials_on_executors: bool, resources: TrialResources | None = None) -> SparkConf:
    conf = _submitted()
    conf.setIfMissing("spark.app.name", name)
    if resources is not None:
        conf.setAll(task_settings(resources, dict(conf.getAll())).items())
    for setting, value in _defaults(conf, trials_on_executors=trials_on_executors).items():
        conf.setIfMissing(setting, value)
    return conf


def offer_settings() -> None:
    """Offer the same defaults to a session that user code will start; settings of the user have precedence.

    The number of tries of a task is left alone, because the session may run other work than trials.
    """
    conf = _submitted()
    system = SparkContext._jvm.java.lang.System
    for setting, value in _defaults(conf, trials_on_executors=False).items():
        if not conf.contains(setting):
            system.setProperty(setting, value)


def ship(code: Path) -> None:
    """Let the driver's file server send a zip of code to executors, where it is importable.

    As for `spark-submit --py-files`, but for a file that is here only after the driver has started. A service
    may have started the context before.
    """
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.addPyFile(str(code))
        return
    conf = _submitted()
    system = SparkContext._jvm.java.lang.System
    for setting in ("spark.files", "spark.submit.pyFiles"):
        system.setProperty(setting, ",".join(filter(None, (conf.get(setting, ""), str(code)))))


def _submitted() -> SparkConf:
    # Before the JVM has started, a SparkConf is empty and would override the submitted one. This starts it.
    check_releases()
    return SparkConf()


def _defaults(conf: SparkConf, *, trials_on_executors: bool) -> Mapping[str, str]:
    threads = conf.get(TASK_CPUS, "1") or "1"
    settings = {
        "spark.python.worker.reuse": "true",
        # A cancelled trial keeps its slot until its worker is killed, and its result is ignored.
        "spark.python.task.killTimeout": "200ms",
        "spark.ui.showConsoleProgress": "false",
        # Trials share a machine, so each uses only its own cores, also in local mode.
        "spark.executorEnv.OMP_NUM_THREADS": threads,
        "spark.executorEnv.OPENBLAS_NUM_THREADS": threads,
        "spark.executorEnv.MKL_NUM_THREADS": threads,
    }
    if conf.get("spark.master") != "yarn":
        # A job over a Unix socket takes half the time of one over loopback TCP. Spark makes the socket in the
        # temporary folder, whose path in a container of YARN is too long for one.
        settings["spark.python.unix.domain.socket.enabled"] = "true"
    if trials_on_executors:
        # The tuner reruns a trial whose worker was lost; tries of Spark's own would multiply that.
        settings["spark.task.maxFailures"] = "1"
    return settings
