"""Run an objective that is a live function: it is pickled once, its parameters for each trial."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pyspark import cloudpickle
from pyspark.resource import ResourceProfile

from airflow_sparktune.driver.engines.application import ApplicationEngine
from airflow_sparktune.driver.engines.base import Charge, Ended, Work
from airflow_sparktune.driver.engines.slot_time import SlotTime
from airflow_sparktune.driver.engines.spark_lane import SparkLane
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.pickled import PickledObjective
from airflow_sparktune.executor.reply import Reply, raised

log = logging.getLogger(__name__)


class FunctionLane(SparkLane):
    """Runs each trial as a single-task job that calls `function` with the result of `value_of(number)`.

    The value is computed on the driver and pickled for its trial, so executors do not need the code that
    computes it. Each trial changes only its own copy, even in a reused worker. Results that are sent back
    pickled are put into `answers`, by trial number.
    """

    def __init__(
        self,
        engine: ApplicationEngine,
        function: Callable[[Any], Any],
        *,
        parallelism: int | None,
        value_of: Callable[[int], Any],
        answers: dict[int, Mapping[str, Any]],
        profile: ResourceProfile | None = None,
    ) -> None:
        work = Work(
            objective=lambda: PickledObjective(cloudpickle.dumps(function), cloudpickle.dumps),
            parallelism=parallelism,
        )
        super().__init__(engine, work, profile=profile)
        self._answers = answers
        self._value_of = value_of
        self._changing = threading.Lock()
        self._occupied, self._used = 0, SlotTime()

    def charge(self) -> Charge:
        """Return the time of the slots in which trials run, because the application is the script's own."""
        with self._changing:
            return self._used.charge

    def submit(self, call: Call) -> None:
        """Start a trial; it fails at once if its parameters cannot be computed."""
        number = call.trial.number
        try:
            value = cloudpickle.dumps(self._value_of(number))
        except Exception as error:  # noqa: BLE001 - a space may contain user functions and objects
            self._ready.put(Ended(number, Reply.failed(raised(error), run_s=0.0)))
            return
        super().submit(replace(call, params=value))

    def _run(self, call: Call) -> Reply:
        self._occupy(1)
        try:
            reply, *pickled = self._answer(call)
        finally:
            self._occupy(-1)
        for answer in pickled:
            self._keep(call.trial.number, answer)
        return Reply.read(reply)

    def _occupy(self, more: int) -> None:
        with self._changing:
            self._occupied += more
            self._used.change(min(self._occupied, self._slots_now))  # the others wait inside Spark

    def _keep(self, number: int, answer: bytes) -> None:
        try:
            self._answers[number] = pickle.loads(answer)
        except Exception as error:  # noqa: BLE001 - keep the loss even if the result cannot be unpickled
            log.warning("the result of trial %d cannot be unpickled on the driver: %s", number, error)
