"""Trials as single-task Spark jobs on executors, or on the driver. The one home of the Spark context."""

from __future__ import annotations

import ctypes
import json
import logging
import re
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from py4j.clientserver import ClientServer
from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import RDD, SparkConf, SparkContext
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.resource import ResourceProfile
from pyspark.sql import SparkSession

from airflow_sparktune.driver.job_slots import JobSlots, WorkerLost
from airflow_sparktune.driver.roles import Finished
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.executor.evaluate import Call, Reply, Task, TrialCancelled, check, evaluate, run
from airflow_sparktune.executor.pickled import PickledTask
from airflow_sparktune.executor.posted import PROPERTY, evaluate_posted, post

log = logging.getLogger(__name__)

# What Spark says when it is the application that ends, not a trial.
_ENGINE_GONE = (
    "SparkContext was shut down",
    "SparkContext has been shutdown",
    "stopped SparkContext",
    "removed our application",
    "All masters are unresponsive",
)


def start_session(
    name: str, *, trials_on_executors: bool = True, fresh_workers: bool = False
) -> SparkSession:
    """The application's session, with the settings that cost nothing and win unless somebody set them.

    `fresh_workers` gives each trial a new Python process.
    """
    # Before the JVM is there a SparkConf is empty, and would overwrite what was submitted.
    SparkContext._ensure_initialized()
    conf = SparkConf()
    conf.setIfMissing("spark.app.name", name)
    threads = conf.get("spark.task.cpus", "1") or "1"
    for setting, value in {
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
    }.items():
        conf.setIfMissing(setting, value)
    if trials_on_executors:
        # A trial whose worker was lost is run again by the tuner; Spark would multiply that by its own tries.
        conf.setIfMissing("spark.task.maxFailures", "1")
    if fresh_workers:
        conf.set("spark.python.worker.reuse", "false")
    return SparkSession.builder.config(conf=conf).getOrCreate()


# The line of a Python traceback that names the error.
_PYTHON_ERROR = re.compile(r"^[\w.]+(?:Error|Exception|Exit|Interrupt)\b.*", re.MULTILINE)


class SparkSlots(JobSlots):
    """Each trial is one single-task job in a job group of its own.

    Its function is `evaluate(task, call, rows)`, that of the preflight `check(task, rows)`.
    `parallelism` None follows the cluster's task slots as executors come and go. `profile` says what a task
    needs, where that is not what the application's settings say.
    """

    def __init__(
        self,
        context: SparkContext,
        task: Task | PickledTask,
        *,
        parallelism: int | None,
        evaluate: Callable[..., Iterator[Any]] = evaluate,
        check: Callable[..., Iterator[str]] = check,
        profile: ResourceProfile | None = None,
    ) -> None:
        super().__init__()
        self._context = context
        self._parallelism = parallelism
        self._groups = Groups()
        self._checking: Future[dict[str, Any]] | None = None
        # Without it, what is set for one thread on this side may act in another thread of the JVM.
        self._pinned = isinstance(context._gateway, ClientServer)
        if not self._pinned:
            # Deprecated in favour of the pinned threads that somebody has switched off.
            warnings.filterwarnings("ignore", "Deprecated in 3.1, Use pyspark", FutureWarning)
        self._task = context.broadcast(task)
        self._evaluate, self._look = evaluate, check
        one_task = context.parallelize([0], 1)
        self._one_task = one_task.withResources(profile) if profile is not None else one_task
        self._profile = self._one_task._jrdd.rdd().getResourceProfile()
        self._prepared = self._one_task.mapPartitions(partial(evaluate_posted, evaluate, self._task))
        self._prepared.id()  # made in the JVM here, and not by each of the first trials' threads

    @property
    def capacity(self) -> int:
        if self._parallelism is not None:
            return self._parallelism
        with _java_side():
            return _room_for_trials(self._context, self._profile)

    def ran_s(self, number: int) -> float | None:
        """How long a trial's task has been running, by Spark's own record of its start."""
        return self._ran_s(self._groups.of(number))

    def _ran_s(self, group: str) -> float | None:
        with _java_side():
            tracker, store = self._context.statusTracker(), self._context._jsc.sc().statusStore()
            jobs = tracker.getJobIdsForGroup(group)
            if not jobs or (job := tracker.getJobInfo(max(jobs))) is None:
                return None
            # Spark itself runs a task again whose executor was taken away.
            tasks = store.taskList(job.stageIds[0], 0, 1_000)
            for task in map(tasks.apply, range(tasks.size())):
                if task.status() == "RUNNING":
                    began: float = task.launchTime().getTime() / 1000
                    return max(time.time() - began, 0.0)
            return None

    def check(self) -> Future[dict[str, Any]]:
        """What a worker says of itself (see executor.evaluate.check), by a job like any trial's."""
        self._checking = self._threads.submit(self._check)
        return self._checking

    @property
    def check_waits(self) -> bool:
        """Whether no executor has taken the check yet."""
        return self._ran_s(self._groups.of(None)) is None

    def close(self) -> None:
        """Start nothing more, and take back a check that was not answered."""
        if self._checking is not None and not self._checking.done():
            # Where Spark is gone there is nothing to take back.
            with suppress(Py4JError, OSError):
                self._groups.cancel(self._context, None)
        super().close()

    def _check(self) -> dict[str, Any]:
        look = partial(self._look, self._task)
        (report,) = self._job(self._groups.of(None), "preflight", lambda: self._one_task.mapPartitions(look))
        found: dict[str, Any] = json.loads(report)
        return found

    def _run(self, call: Call) -> Reply:
        (reply,) = self._answer(call)
        return Reply.from_json(reply)

    def _answer(self, call: Call) -> list[Any]:
        """What a trial's job yields."""
        # The group is the trial's, whatever try it is: a cancelled trial is not tried again.
        number = call.trial.number
        group, description = self._groups.of(number), f"trial {number}"
        # A job's properties are its thread's, and only a pinned thread has any.
        posted = post(call) if self._pinned else None

        def job() -> RDD[Any]:
            if posted is None:
                return self._one_task.mapPartitions(partial(self._evaluate, self._task, call))
            self._context.setLocalProperty(PROPERTY, posted)
            # An RDD of its own, for where a task fails Spark aborts all jobs whose RDD it is.
            return self._prepared.coalesce(1)

        return self._job(group, description, job)

    def _cancel(self, number: int) -> None:
        with _java_side():
            self._groups.cancel(self._context, number)

    def _job(self, group: str, description: str, job: Callable[[], RDD[Any]]) -> list[Any]:
        try:
            with _java_side():
                answer = self._collect(job(), group, description)
        except (Py4JJavaError, CapturedException) as error:
            # Where a SparkSession exists, PySpark turns some of the JVM's exceptions into its own.
            java = isinstance(error, Py4JJavaError)
            text = str(error.java_exception.toString() if java else error)
            if any(sign in text for sign in _ENGINE_GONE):
                raise DriverLost(f"Spark has shut down: {_first_line(text)}") from error
            _require_alive(self._context)
            raise WorkerLost(_cause(text)) from error
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


class DriverSlots(JobSlots):
    """Trials run on the driver, one at a time unless told otherwise: each may use the whole cluster.

    A cancelled trial loses its Spark jobs, and its Python code is interrupted at the next instruction;
    its slot is free at once, for code that waits inside a library cannot be interrupted.
    """

    def __init__(self, context: SparkContext, task: Task, *, parallelism: int | None) -> None:
        super().__init__()
        self._context = context
        self._task = task
        self._parallelism = parallelism or 1
        self._groups = Groups()
        self._thread_of: dict[int, int] = {}
        self._interrupting = threading.Lock()

    @property
    def capacity(self) -> int:
        return self._parallelism

    def _run(self, call: Call) -> Reply:
        number = call.trial.number
        with self._interrupting:
            if number in self._cancelled:  # before it had begun
                raise TrialCancelled
            self._thread_of[number] = threading.get_ident()
        try:
            self._context.setJobGroup(self._groups.of(number), f"trial {number}", interruptOnCancel=True)
            reply = run(self._task, call)
        finally:
            # Under the lock, for the thread serves other trials afterwards.
            with self._interrupting:
                self._thread_of.pop(number, None)
        if reply.failure is not None:
            _require_alive(self._context)
        return reply

    def _cancel(self, number: int) -> None:
        self._groups.cancel(self._context, number)
        with self._interrupting:
            if (thread := self._thread_of.get(number)) is not None:
                # CPython's documented way to interrupt another thread.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(TrialCancelled)
                )
        self._ready.put(Finished(number, lost="cancelled"))


def cluster_slots(context: SparkContext, profile: JavaObject | None = None) -> int:
    """How many tasks (that need what `profile` says) the cluster's executors can run at once, now."""
    spark = context._jsc.sc()
    return int(spark.maxNumConcurrentTasks(profile or _default_profile(spark)))


def _room_for_trials(context: SparkContext, profile: JavaObject | None) -> int:
    """How many trials to hand to Spark at once: one for each task slot.

    Where Spark allocates executors dynamically, one more executor's worth: it adds them only for tasks that
    wait.
    """
    spark = context._jsc.sc()
    slots = cluster_slots(context, profile)
    if spark.executorAllocationManager().isDefined():
        each = max((profile or _default_profile(spark)).maxTasksPerExecutor(spark.conf()), 1)
        most = spark.conf().get("spark.dynamicAllocation.maxExecutors", "infinity")
        slots = min(slots + each, int(most) * each) if most.isdecimal() else slots + each
    return max(slots, 1)


def _default_profile(spark: JavaObject) -> JavaObject:
    return spark.resourceProfileManager().defaultResourceProfile()


@contextmanager
def _java_side() -> Iterator[None]:
    """Whatever says that the JVM is gone, in the house's words; what the JVM itself raises passes."""
    try:
        yield
    except Py4JJavaError:
        raise
    except (Py4JError, OSError) as error:
        raise DriverLost(f"the Java side of the driver is gone: {error}") from error


def _require_alive(context: SparkContext) -> None:
    """Raise DriverLost where Spark is gone: what fails then is no trial's result."""
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
    """The job groups of one study: one for each trial, and that of None for the check before them.

    A group that was cancelled stays so for its future jobs, so another study of the same Spark
    application must not meet its names again.
    """

    def __init__(self) -> None:
        self._study = secrets.token_hex(4)

    def of(self, number: int | None) -> str:
        """The group of a trial's jobs."""
        return f"sparktune {self._study}: {'preflight' if number is None else f'trial {number}'}"

    def cancel(self, context: SparkContext, number: int | None) -> None:
        """Cancel a trial's jobs: future ones too, for its thread may be just about to start its job."""
        context._jsc.sc().cancelJobGroupAndFutureJobs(self.of(number))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def _cause(text: str) -> str:
    r"""What Spark says of a failed job, without the stack traces.

    >>> _cause("org.apache.spark.SparkException: Job aborted due to stage failure: lost")
    'lost'
    >>> _cause("From the Python worker:\nTraceback (most recent call last):\n  File ...\nKeyError: 'x'")
    "KeyError: 'x'"
    """
    _, traceback, rest = text.partition("Traceback (most recent call last)")
    if traceback and (named := _PYTHON_ERROR.findall(rest)):
        return str(named[-1])
    first = _first_line(text)
    for lead in ("Job aborted due to stage failure: ", "Exception: "):
        _, found, rest = first.partition(lead)
        if found:
            first = rest
    return first
