"""A Spark session with the contestants: sparktune, a bare thread pool, SparkTrials."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from airflow_sparktune.driver.spark.session import start_session
from airflow_sparktune.driver.spec_plan import run_spec
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from benchmarks.objectives import SPACE, nap

LOG4J = Path(__file__).with_name("log4j2.properties")


class Session:
    """A local Spark with `slots` task slots: objectives sleep, so there can be more slots than cores."""

    def __init__(self, slots: int) -> None:
        os.environ["PYSPARK_PYTHON"] = sys.executable
        # A session started by a shell draws progress bars.
        quiet = "--conf spark.ui.showConsoleProgress=false"
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--master local[{slots}] {quiet} pyspark-shell"
        os.environ["SPARK_SUBMIT_OPTS"] = f"-Dlog4j2.configurationFile=file:{LOG4J}"
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        warnings.filterwarnings("ignore", "Spark session is not provided", UserWarning)  # by SparkTrials
        self.spark: SparkSession = start_session("benchmarks")
        self._one_task = self.spark.sparkContext.parallelize([0], 1)

    def warm_up(self, *, slots: int, seconds: float) -> None:
        """Run a trial of `seconds` on each slot, so that Python workers start and import what they need."""
        self.study(trials=slots, parallelism=slots, seconds=seconds)

    def empty_jobs(self, jobs: int) -> float:
        """Time `jobs` empty single-task jobs, one after the other, in seconds."""
        start = time.monotonic()
        with self._bare_workers():
            for _ in range(jobs):
                self._nap(0.0)
        return time.monotonic() - start

    def bare_pool(self, *, trials: int, seconds: float, parallelism: int) -> float:
        """Time a thread pool that sends the same single-task jobs without sampler and journal, in seconds."""
        start = time.monotonic()
        with self._bare_workers(), ThreadPoolExecutor(parallelism) as pool:
            list(pool.map(self._nap, [seconds] * trials))
        return time.monotonic() - start

    def study(self, *, trials: int, seconds: float = 0.0, **spec_fields: Any) -> tuple[float, Study]:
        """Time a study from reading its folder to its result, in seconds; returns it too.

        Trials sleep for `seconds`, unless `spec_fields` name another objective and its space.
        """
        with tempfile.TemporaryDirectory() as folder:
            spec = Spec.of(max_evals=trials, **{**_sleeping(seconds), **spec_fields})
            start = time.monotonic()
            run_spec(open_storage(folder), folder, spec)
            return time.monotonic() - start, read_study(folder).study

    def spark_trials(self, *, trials: int, seconds: float, parallelism: int, max_queue_len: int = 1) -> float:
        """Time hyperopt's own SparkTrials, in seconds."""
        import numpy
        from hyperopt import SparkTrials, fmin, tpe

        from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space

        space, _ = hyperopt_space(SPACE)
        start = time.monotonic()
        fmin(
            partial(nap, seconds=seconds),
            space,
            algo=tpe.suggest,
            max_evals=trials,
            trials=SparkTrials(parallelism=parallelism, spark_session=self.spark),
            max_queue_len=max_queue_len,
            rstate=numpy.random.default_rng(0),
            show_progressbar=False,
        )
        return time.monotonic() - start

    def _nap(self, seconds: float) -> None:
        self._one_task.mapPartitions(partial(_nap_once, seconds)).collect()

    @contextmanager
    def _bare_workers(self) -> Iterator[None]:
        """Run the jobs made in here in Python workers of their own: Spark keeps one pool per environment."""
        environment = self.spark.sparkContext.environment
        environment["BENCHMARK"] = "bare"
        try:
            yield
        finally:
            del environment["BENCHMARK"]

    def close(self) -> None:
        """Stop Spark."""
        self.spark.stop()


def _sleeping(seconds: float) -> dict[str, Any]:
    return {
        "objective": "benchmarks.objectives:nap",
        "objective_kwargs": {"seconds": seconds},
        "space": SPACE,
    }


def _nap_once(seconds: float, rows: Iterator[Any]) -> Iterator[None]:
    list(rows)  # PySpark ends a worker that leaves its input unread
    time.sleep(seconds)
    yield None


def span_s(study: Study) -> float:
    """Seconds from the first trial's start to the last trial's end, by the study's journal."""
    trials = study.trials.values()
    return max(trial.end or 0.0 for trial in trials) - min(trial.start or 0.0 for trial in trials)
