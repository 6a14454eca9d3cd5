"""Run the trials of one study as single-task Spark jobs on executors."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pickle import PicklingError
from time import monotonic
from typing import Any

from py4j.clientserver import ClientServer
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import RDD, SparkContext
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.resource import ResourceProfile

from airflow_sparktune.driver.engines.application import ApplicationEngine
from airflow_sparktune.driver.engines.base import LaneEvent, Patience, Work
from airflow_sparktune.driver.engines.preflight import preflight
from airflow_sparktune.driver.engines.threaded import ThreadedLane, WorkerLost
from airflow_sparktune.driver.reminder import Reminder
from airflow_sparktune.driver.spark.context import Groups, jvm_calls, require_alive
from airflow_sparktune.driver.spark.errors import application_has_ended, cause, first_line
from airflow_sparktune.driver.spark.executors import require_room
from airflow_sparktune.driver.spark.sharing import SharingBroadcast, broadcast
from airflow_sparktune.errors import DriverLost, ObjectiveError, PlatformError
from airflow_sparktune.executor.evaluate import Call, check, evaluate
from airflow_sparktune.executor.job_property import PROPERTY, encode, evaluate_from_property
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.link import SocketReports
from airflow_sparktune.executor.reports.report import Door
from airflow_sparktune.executor.reports.reporting import ReportingObjective
from airflow_sparktune.executor.shared import Broadcast, WithCommon

log = logging.getLogger(__name__)

# The jobs before the first trial: the check of one worker, and the warm-up of the others.
PREFLIGHT, WARM_UP = "preflight", "warm-up"
# Workers beyond this number import the objective with their first trial.
MOST_WARMED = 64


class SparkLane(ThreadedLane):
    """Runs each trial as a single-task job in its own job group.

    Without `parallelism`, the number of slots follows the cluster's task slots as executors come and go.
    `profile` states the resources of a task if they differ from the application's settings.
    """

    _engine: ApplicationEngine

    def __init__(
        self, engine: ApplicationEngine, work: Work, *, profile: ResourceProfile | None = None
    ) -> None:
        super().__init__(engine, work)
        self._context = context = engine.context
        self._groups = Groups()
        self._empty = Reminder()
        self._checking: Future[dict[str, Any]] | None = None
        self._warming: list[Future[dict[str, Any]]] = []
        # Without pinned threads, local properties set by one Python thread may apply to another JVM thread.
        self._pinned = isinstance(context._gateway, ClientServer)
        if not self._pinned:
            # PySpark recommends pinned threads in place of this method, but the user has disabled them.
            warnings.filterwarnings("ignore", "Deprecated in 3.1, Use pyspark", FutureWarning)
        self._shared: SharingBroadcast | None = None
        self._lent: SharingBroadcast | None = None
        self._channel = engine.channel
        self._door: Door | None = None
        self._own_profile = profile is not None
        self._one_task = _one_task(context, profile)
        self._slots = engine.task_slots(self._one_task._jrdd.rdd().getResourceProfile())
        self._slots_now = 0

    def prepare(self, patience: Patience) -> None:
        """Broadcast the objective, wait for an executor, and check that trials can run there."""
        self.send()
        self._work.check(self._check, patience)

    def _check(self, patience: Patience) -> None:
        if patience.left_s > 0:  # otherwise the study is over before a warm worker could help
            self._warm_up(int(min(self.capacity, patience.wanted, MOST_WARMED)) - 1)
        preflight(self, replace(patience, look=partial(self._look, patience.look)))
        self._warn_of_missing_slots()

    def _look(self, look: Callable[[], None]) -> None:
        """Refuse executors that no trial fits; those of a profile of its own come for its tasks only."""
        if not self._own_profile:
            with jvm_calls():
                require_room(self._context)
        look()

    def _warm_up(self, workers: int) -> None:
        """Let this many workers import the objective, besides the one that is checked."""
        self._warming = [self._threads.submit(self._check_worker, WARM_UP) for _ in range(workers)]

    def send(self) -> None:
        """Broadcast what all trials share, and prepare the RDD that runs them."""
        try:
            self._shared = broadcast(self._context, self._reporting)
            if self._work.common is not None:
                self._lent = self._engine.lend(self._work.common)
        except PicklingError as error:
            raise ObjectiveError(
                f"execution.shared_data must return a picklable value, because it is sent to executors, but: "
                f"{error}; return plain data, and open files in the objective"
            ) from error
        self._prepared = self._one_task.mapPartitions(partial(evaluate_from_property, self._broadcast))
        self._prepared.id()  # creates the RDD in the JVM once, before the threads of trials need it

    def _reporting(self) -> ReportingObjective:
        """Return the objective with the door for reports, which holds a secret."""
        if self._channel is not None:
            self._door = self._channel.open(self.answer)
        return ReportingObjective(self._work.objective(), SocketReports(self._door) if self._door else None)

    @property
    def _broadcast(self) -> Broadcast | WithCommon:
        if self._shared is None:
            raise RuntimeError("a lane must be prepared before it runs trials; call prepare() first")
        return self._shared if self._lent is None else WithCommon(self._shared, self._lent)

    def _to_fill(self) -> int:
        return self._slots.to_fill

    @property
    def slots(self) -> int:
        with suppress(DriverLost):  # `events` raises it, after the results that came before
            self._slots_now = self._slots.now
        return self._slots_now

    def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
        found = super().events(wait_s=wait_s)
        if found or self._slots.now:
            self._empty.reset()
        elif (waited_s := self._empty.due()) is not None:
            log.warning(
                "the cluster has had no executor for %.0f s: trials wait for one, and a study without a "
                "timeout waits without limit", waited_s,
            )  # fmt: skip
        return found

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial's task has been running, in seconds, without its wait for a slot.

        Spark records only wall-clock times, and the wall clock may be adjusted. It is therefore used only to
        measure the wait for the slot.
        """
        sent, began = self._begun.get(number), self._task_began(number)
        if sent is None or began is None:
            return None
        return max(monotonic() - sent.clock - max(began - sent.wall, 0.0), 0.0)

    def _task_began(self, jobs: int | str) -> float | None:
        """Return when the running task of a trial or check started, in seconds since 1970, or None."""
        group = self._groups.of(jobs)
        with jvm_calls():
            tracker, store = self._context.statusTracker(), self._context._jsc.sc().statusStore()
            found = tracker.getJobIdsForGroup(group)
            if not found or (job := tracker.getJobInfo(max(found))) is None:
                return None
            # Spark itself reruns a task whose executor was removed, so there may be several.
            tasks = store.taskList(job.stageIds[0], 0, 1_000)
            for task in map(tasks.apply, range(tasks.size())):
                if task.status() == "RUNNING":
                    began: float = task.launchTime().getTime() / 1000
                    return began
            return None

    def check(self) -> Future[dict[str, Any]]:
        """Ask a worker to describe itself (see executor.evaluate.check), in a job like that of a trial."""
        self._checking = self._threads.submit(self._check_worker, PREFLIGHT)
        return self._checking

    @property
    def check_waits(self) -> bool:
        return self._task_began(PREFLIGHT) is None

    def close(self) -> None:
        """Start no more trials, cancel all jobs that still run, and release the broadcast."""
        with suppress(Py4JError, OSError, DriverLost):  # if Spark is gone, so are its jobs
            super().close()
        if self._checking is not None:
            with suppress(Py4JError, OSError):
                warming, checking = self._warming, self._checking
                self._groups.cancel(
                    self._context, WARM_UP, runs=lambda: not all(job.done() for job in warming)
                )
                if not checking.done():
                    self._groups.cancel(self._context, PREFLIGHT, runs=lambda: not checking.done())
        if self._shared is not None:
            self._shared.close()
        if self._channel is not None and self._door is not None:
            self._channel.shut(self._door)

    def _warn_of_missing_slots(self) -> None:
        room, parallelism = self.slots, self._work.parallelism
        if (parallelism or 0) > room:
            log.warning(
                "parallelism %d is more than the %d task slots of the cluster: the trials beyond them wait "
                "inside Spark",
                parallelism,
                room,
            )

    def _check_worker(self, jobs: str) -> dict[str, Any]:
        look = partial(check, self._broadcast)
        (report,) = self._job(self._groups.of(jobs), jobs, lambda: self._one_task.mapPartitions(look))
        found: dict[str, Any] = json.loads(report)
        return found

    def _run(self, call: Call) -> Reply:
        (reply,) = self._answer(call)
        return Reply.read(reply)

    def _answer(self, call: Call) -> list[Any]:
        """Return the rows of a trial's job."""
        # All tries of a trial share a group, because a cancelled trial is not tried again.
        group = self._groups.of(call.trial.number)
        # Job properties belong to a thread; only pinned threads have them.
        encoded = encode(call) if self._pinned else None

        def job() -> RDD[Any]:
            if encoded is None:
                return self._one_task.mapPartitions(partial(evaluate, self._broadcast, call))
            self._context.setLocalProperty(PROPERTY, encoded)
            # Each trial has its own RDD, because a failed task aborts all jobs that share an RDD.
            return self._prepared.coalesce(1)

        return self._job(group, call.name, job)

    def _cancel(self, number: int) -> None:
        with jvm_calls():
            self._groups.cancel(self._context, number, runs=lambda: number in self._begun)

    def _job(self, group: str, description: str, job: Callable[[], RDD[Any]]) -> list[Any]:
        try:
            with jvm_calls():
                answer = self._collect(job(), group, description)
        except (Py4JJavaError, CapturedException) as error:
            text = _text(error)
            if application_has_ended(text):
                raise DriverLost(f"Spark has shut down: {first_line(text)}") from error
            require_alive(self._context)
            raise WorkerLost(cause(text)) from error
        if not answer:
            raise DriverLost("the JVM of the driver is gone: a job ended without a result")
        return answer

    def _collect(self, job: RDD[Any], group: str, description: str) -> list[Any]:
        if self._pinned:
            self._context.setJobGroup(group, description, interruptOnCancel=True)
            answer: list[Any] = job.collect()
        else:
            answer = job.collectWithJobGroup(group, description, True)
        return answer


def _one_task(context: SparkContext, profile: ResourceProfile | None) -> RDD[int]:
    """Return the data of a single-task job; raises PlatformError if its tasks cannot have a profile."""
    rows = context.parallelize([0], 1)
    try:
        return rows if profile is None else rows.withResources(profile)
    except (Py4JJavaError, CapturedException) as error:
        raise PlatformError(
            f"resource_profile must be one that this cluster supports, got: {cause(_text(error))}; "
            "set the resources of a task in Spark's settings, such as spark.task.cpus"
        ) from error


def _text(error: Py4JJavaError | CapturedException) -> str:
    """Return the message of a JVM exception; with a SparkSession, PySpark converts some into its own."""
    return str(error.java_exception.toString() if isinstance(error, Py4JJavaError) else error)
