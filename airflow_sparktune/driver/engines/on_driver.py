"""Run trials on the driver, for models that start Spark jobs themselves."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress

from py4j.protocol import Py4JError
from pyspark import SparkContext

from airflow_sparktune.driver.engines.application import ApplicationEngine
from airflow_sparktune.driver.engines.base import Lost, Patience, Work
from airflow_sparktune.driver.engines.threaded import ThreadedLane
from airflow_sparktune.driver.spark.context import Groups, jvm_calls, require_alive
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.executor.evaluate import Call, TrialCancelled, run
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.reporting import ReportingObjective


class DriverEngine(ApplicationEngine):
    """Runs trials on the driver, by default one at a time, because each may use the whole cluster."""

    def __init__(self, connect: Callable[[], SparkContext], *, slots: int = 1) -> None:
        super().__init__(connect, parallelism=slots)  # nothing else would queue the trials beyond
        self._slots = slots

    @property
    def slots(self) -> int:
        return self._slots

    def lane(self, work: Work) -> DriverLane:
        return self.admit(DriverLane(self, work))


class DriverLane(ThreadedLane):
    """Runs the trials of one study on the driver.

    Cancelling a trial cancels its Spark jobs and interrupts its Python code at the next instruction. Its slot
    is free at once, because code that waits inside a library cannot be interrupted.
    """

    def __init__(self, engine: DriverEngine, work: Work) -> None:
        super().__init__(engine, work)
        self._context = engine.context
        self._groups = Groups()
        self._thread_of: dict[int, int] = {}
        self._interrupting = threading.Lock()

    def prepare(self, patience: Patience) -> None:  # noqa: ARG002 - the driver is running already
        """Load what trials share, and check that the objective can be called."""
        self._objective = ReportingObjective(self._work.objective(), self)
        self._objective.load()

    def close(self) -> None:
        with suppress(Py4JError, OSError, DriverLost):  # if Spark is gone, so are its jobs
            super().close()

    def _run(self, call: Call) -> Reply:
        number = call.trial.number
        with self._interrupting:
            if number in self._cancelled:  # cancelled before it started
                raise TrialCancelled
            self._thread_of[number] = threading.get_ident()
        try:
            with jvm_calls():
                self._context.setJobGroup(self._groups.of(number), call.name, interruptOnCancel=True)
            reply, _ = run(self._objective, call)
        finally:
            # Under the lock, because the thread runs other trials later.
            with self._interrupting:
                self._thread_of.pop(number, None)
        if reply.failure is not None:
            require_alive(self._context)
        return reply

    def _cancel(self, number: int) -> None:
        self._freed.add(number)
        with jvm_calls():
            self._groups.cancel(self._context, number, runs=lambda: number in self._begun)
        with self._interrupting:
            if (thread := self._thread_of.get(number)) is not None:
                # CPython's documented way to raise an exception in another thread.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread), ctypes.py_object(TrialCancelled)
                )
        self._free(number, Lost(number, "cancelled"))
