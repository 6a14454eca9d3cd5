"""Query a Spark context: its slots, whether it is alive, and job groups for cancelling."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext

from airflow_sparktune.driver.spark.growth import Growth
from airflow_sparktune.driver.spark.release import PYTHON_RELEASE
from airflow_sparktune.errors import DriverLost

# SparkContext.cancelJobGroupAndFutureJobs came with Spark 4.0.
_CANCELS_FUTURE_JOBS = PYTHON_RELEASE >= (4, 0)
CANCEL_AGAIN_S = 0.1


def cluster_slots(context: SparkContext, profile: JavaObject | None = None) -> int:
    """Return how many tasks of a resource profile the cluster's executors can run at once, now."""
    return int(context._jsc.sc().maxNumConcurrentTasks(profile or default_profile(context)))


def describe(context: SparkContext) -> Mapping[str, str | None]:
    """Return facts about the application for the journal: its id, its master and the address of its UI."""
    return {
        "application": context.applicationId,
        "master": context.master,
        "ui": context.uiWebUrl,
        "history": context.getConf().get("spark.yarn.historyServer.address"),
    }


class TaskSlots:
    """The slots of a cluster for tasks of a resource profile."""

    def __init__(self, context: SparkContext, profile: JavaObject) -> None:
        self._context = context
        self._profile = profile
        self._growth: Growth | None = None
        spark = context._jsc.sc()
        if spark.executorAllocationManager().isDefined():
            each = max(self._profile.maxTasksPerExecutor(spark.conf()), 1)
            executors = spark.conf().get("spark.dynamicAllocation.maxExecutors", "infinity")
            most = int(executors) * each if executors.isdecimal() else math.inf
            self._growth = Growth(each=each, most=most)

    @property
    def now(self) -> int:
        """Return how many tasks the executors can run at once now."""
        with jvm_calls():
            return cluster_slots(self._context, self._profile)

    @property
    def to_fill(self) -> int:
        """Return how many trials to submit now."""
        return self.now if self._growth is None else self._growth.to_fill(self.now)


def default_profile(context: SparkContext) -> JavaObject:
    """Return the resources of a task according to the application's settings."""
    return context._jsc.sc().resourceProfileManager().defaultResourceProfile()


@contextmanager
def jvm_calls() -> Iterator[None]:
    """Raise DriverLost for errors that mean that the JVM is gone; other JVM errors pass through."""
    try:
        yield
    except Py4JJavaError:
        raise
    except (Py4JError, OSError) as error:
        raise DriverLost(f"the JVM of the driver is gone: {error}") from error


def require_alive(context: SparkContext) -> None:
    """Raise DriverLost if Spark is gone, because a failure is then not the trial's."""
    try:
        alive = context._jsc is not None and not context._jsc.sc().isStopped()
    except (Py4JError, OSError):
        alive = False
    if not alive:
        raise DriverLost(
            "Spark must live as long as the study, but its context has stopped "
            "(an objective that runs on the driver must not stop it)"
        )


class Groups:
    """The job groups of one study: one per trial, and one per kind of job before the first trial.

    Cancelling a group also cancels its future jobs, so the names contain a random part: another study of the
    same Spark application must not reuse them.
    """

    def __init__(self) -> None:
        self._study = secrets.token_hex(4)

    def of(self, jobs: int | str) -> str:
        """Return the group of a trial's jobs by its number, or of other jobs by their name."""
        return f"sparktune {self._study}: {jobs if isinstance(jobs, str) else f'trial {jobs}'}"

    def cancel(self, context: SparkContext, jobs: int | str, *, runs: Callable[[], bool]) -> None:
        """Cancel a group, including jobs that a trial's thread is about to start.

        `runs` returns whether such a thread still waits for its job.
        """
        spark, group = context._jsc.sc(), self.of(jobs)
        if _CANCELS_FUTURE_JOBS:
            spark.cancelJobGroupAndFutureJobs(group)
            return
        spark.cancelJobGroup(group)
        again = threading.Thread(target=_cancel_while, args=(runs, spark, group), name="cancel", daemon=True)
        again.start()


def _cancel_while(runs: Callable[[], bool], spark: JavaObject, group: str) -> None:
    """Cancel a group until its threads have ended: Spark before 4.0 does not cancel future jobs."""
    with suppress(Py4JError, OSError):  # Spark is gone, and its jobs with it
        while runs():
            spark.cancelJobGroup(group)
            time.sleep(CANCEL_AGAIN_S)
