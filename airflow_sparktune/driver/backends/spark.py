"""Trials as single-task Spark jobs on executors."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pickle import PicklingError
from time import monotonic
from typing import Any

from py4j.clientserver import ClientServer
from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import RDD, SparkContext
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.resource import ResourceProfile

from airflow_sparktune.driver.backends.base import BackendEvent, Patience
from airflow_sparktune.driver.backends.preflight import preflight
from airflow_sparktune.driver.backends.threaded import ThreadedBackend, WorkerLost
from airflow_sparktune.driver.reminder import Reminder
from airflow_sparktune.driver.spark.context import (
    Groups,
    cluster_slots,
    default_profile,
    describe,
    java_side,
    require_alive,
)
from airflow_sparktune.driver.spark.errors import cause, first_line, tells_of_the_end
from airflow_sparktune.driver.spark.sharing import SharingBroadcast, broadcast
from airflow_sparktune.errors import DriverLost, ObjectiveError
from airflow_sparktune.executor.evaluate import Call, Task, TrialCancelled, check, evaluate
from airflow_sparktune.executor.posted import PROPERTY, evaluate_posted, post
from airflow_sparktune.executor.reply import Reply

log = logging.getLogger(__name__)

# The jobs before the first trial: the check of one worker, and what warms up the others.
PREFLIGHT, WARM_UP = "preflight", "warm-up"
# More workers than this load the objective with their first trial.
MOST_WARMED = 64


class SparkBackend(ThreadedBackend):
    """Each trial is one single-task job in a job group of its own.

    `task` makes what all trials share, when the backend is prepared.
    `parallelism` None follows the cluster's task slots as executors come and go. `profile` says what a task
    needs, where that is not what the application's settings say.
    """

    def __init__(
        self,
        context: SparkContext,
        task: Callable[[], Task],
        *,
        parallelism: int | None,
        profile: ResourceProfile | None = None,
    ) -> None:
        super().__init__()
        self._context = context
        self._parallelism = parallelism
        self._groups = Groups()
        self._empty = Reminder()
        self._checking: Future[dict[str, Any]] | None = None
        self._warming: list[Future[dict[str, Any]]] = []
        # Without it, what is set for one thread on this side may act in another thread of the JVM.
        self._pinned = isinstance(context._gateway, ClientServer)
        if not self._pinned:
            # Deprecated in favour of the pinned threads that somebody has switched off.
            warnings.filterwarnings("ignore", "Deprecated in 3.1, Use pyspark", FutureWarning)
        self._load_task = task
        self._task: SharingBroadcast | None = None
        one_task = context.parallelize([0], 1)
        self._one_task = one_task.withResources(profile) if profile is not None else one_task
        self._profile = self._one_task._jrdd.rdd().getResourceProfile() or default_profile(context)
        self._ahead, self._most = _growth(context, self._profile)

    def describe(self) -> Mapping[str, str | None]:
        return describe(self._context)

    def prepare(self, patience: Patience) -> None:
        """Send the task to executors, wait for one, and check that trials can run there."""
        self.share()
        self._warm_up(int(min(self.capacity, patience.wanted, MOST_WARMED)) - 1)
        preflight(self, patience)
        self._warn_of_room()

    def _warm_up(self, workers: int) -> None:
        """Let so many workers load the objective, beside the one that is checked."""
        self._warming = [self._threads.submit(self._look_at_worker, WARM_UP) for _ in range(workers)]

    def share(self) -> None:
        """Put what all trials share where executors find it."""
        try:
            self._task = broadcast(self._context, self._load_task)
        except PicklingError as error:
            raise ObjectiveError(
                f"shared_data must return what can be pickled, for it travels to executors, but: {error}; "
                "return plain data, and open files in the objective"
            ) from error
        self._prepared = self._one_task.mapPartitions(partial(evaluate_posted, self._task))
        self._prepared.id()  # made in the JVM here, and not by each of the first trials' threads

    @property
    def _sent_task(self) -> SharingBroadcast:
        if self._task is None:
            raise RuntimeError("a backend must be prepared before it runs trials; call prepare() first")
        return self._task

    @property
    def capacity(self) -> int:
        if self._parallelism is not None:
            return self._parallelism
        return min(self._cluster_slots + self._ahead, self._most)

    @property
    def _cluster_slots(self) -> int:
        with java_side():
            return cluster_slots(self._context, self._profile)

    def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
        found = super().events(wait_s=wait_s)
        if found or self._cluster_slots:
            self._empty.reset()
        elif (waited_s := self._empty.due()) is not None:
            log.warning(
                "the cluster has had no executor for %.0f s: trials wait until it gives one, and a study "
                "without a timeout waits as long as that takes", waited_s,
            )  # fmt: skip
        return found

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial's task has been running: since it was sent, without its wait for a slot.

        Of the wall clock, which is all that Spark records, only that wait is taken: it may be set meanwhile.
        """
        sent, began = self._begun.get(number), self._task_began(number)
        if sent is None or began is None:
            return None
        return max(monotonic() - sent.clock - max(began - sent.wall, 0.0), 0.0)

    def _task_began(self, jobs: int | str) -> float | None:
        """Return when the task of a trial or a check began, in seconds since 1970, where it runs now."""
        group = self._groups.of(jobs)
        with java_side():
            tracker, store = self._context.statusTracker(), self._context._jsc.sc().statusStore()
            found = tracker.getJobIdsForGroup(group)
            if not found or (job := tracker.getJobInfo(max(found))) is None:
                return None
            # Spark itself runs a task again whose executor was taken away.
            tasks = store.taskList(job.stageIds[0], 0, 1_000)
            for task in map(tasks.apply, range(tasks.size())):
                if task.status() == "RUNNING":
                    began: float = task.launchTime().getTime() / 1000
                    return began
            return None

    def check(self) -> Future[dict[str, Any]]:
        """Ask a worker to describe itself (see executor.evaluate.check), by a job like any trial's."""
        self._checking = self._threads.submit(self._look_at_worker, PREFLIGHT)
        return self._checking

    @property
    def check_waits(self) -> bool:
        """Tell whether no executor has taken the check yet."""
        return self._task_began(PREFLIGHT) is None

    def close(self) -> None:
        """Start nothing more, take back a check that was not answered, and let go of what trials share."""
        if self._checking is not None:
            # Where Spark is gone there is nothing to take back.
            with suppress(Py4JError, OSError):
                warming, checking = self._warming, self._checking
                self._groups.cancel(
                    self._context, WARM_UP, runs=lambda: not all(job.done() for job in warming)
                )
                if not checking.done():
                    self._groups.cancel(self._context, PREFLIGHT, runs=lambda: not checking.done())
        if self._task is not None:
            self._task.close()
        super().close()

    def _warn_of_room(self) -> None:
        room = cluster_slots(self._context)
        if (self._parallelism or 0) > room:
            log.warning(
                "parallelism %d is more than the %d task slots that the cluster has now: the trials beyond "
                "them wait inside Spark",
                self._parallelism,
                room,
            )

    def _look_at_worker(self, jobs: str) -> dict[str, Any]:
        look = partial(check, self._sent_task)
        (report,) = self._job(self._groups.of(jobs), jobs, lambda: self._one_task.mapPartitions(look))
        found: dict[str, Any] = json.loads(report)
        return found

    def _run(self, call: Call) -> Reply:
        if call.trial.number in self._cancelled:  # before its job had begun
            raise TrialCancelled
        (reply,) = self._answer(call)
        return Reply.read(reply)

    def _answer(self, call: Call) -> list[Any]:
        """Return the rows that a trial's job yields."""
        # All tries of a trial share a group: a cancelled trial is not tried again.
        number = call.trial.number
        group, description = self._groups.of(number), f"trial {number}"
        # A job's properties are its thread's, and only a pinned thread has any.
        posted = post(call) if self._pinned else None

        def job() -> RDD[Any]:
            if posted is None:
                return self._one_task.mapPartitions(partial(evaluate, self._sent_task, call))
            self._context.setLocalProperty(PROPERTY, posted)
            # An RDD of its own, for where a task fails Spark aborts all jobs whose RDD it is.
            return self._prepared.coalesce(1)

        return self._job(group, description, job)

    def _cancel(self, number: int) -> None:
        with java_side():
            self._groups.cancel(self._context, number, runs=lambda: number in self._begun)

    def _job(self, group: str, description: str, job: Callable[[], RDD[Any]]) -> list[Any]:
        try:
            with java_side():
                answer = self._collect(job(), group, description)
        except (Py4JJavaError, CapturedException) as error:
            # Where a SparkSession exists, PySpark turns some of the JVM's exceptions into its own.
            java = isinstance(error, Py4JJavaError)
            text = str(error.java_exception.toString() if java else error)
            if tells_of_the_end(text):
                raise DriverLost(f"Spark has shut down: {first_line(text)}") from error
            require_alive(self._context)
            raise WorkerLost(cause(text)) from error
        if not answer:
            raise DriverLost("the Java side of the driver is gone: a job has ended without its answer")
        return answer

    def _collect(self, job: RDD[Any], group: str, description: str) -> list[Any]:
        if self._pinned:
            self._context.setJobGroup(group, description, interruptOnCancel=True)
            answer: list[Any] = job.collect()
        else:
            answer = job.collectWithJobGroup(group, description, True)
        return answer


def _growth(context: SparkContext, profile: JavaObject) -> tuple[int, int]:
    """Return how many trials to send beyond the slots there are, and the most slots there will ever be.

    Where Spark allocates executors dynamically it adds them only for tasks that wait: one executor's worth
    of trials does.
    """
    spark = context._jsc.sc()
    if not spark.executorAllocationManager().isDefined():
        return 0, sys.maxsize
    each = max(profile.maxTasksPerExecutor(spark.conf()), 1)
    executors = spark.conf().get("spark.dynamicAllocation.maxExecutors", "infinity")
    return each, int(executors) * each if executors.isdecimal() else sys.maxsize
