"""Every backend of the package passes BackendSuite."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.engines.base import Backend, Patience
from airflow_sparktune.driver.engines.on_driver import DriverBackend
from airflow_sparktune.driver.engines.simulated import Ending, SimulatedBackend, VirtualClock
from airflow_sparktune.driver.engines.spark import SparkBackend
from airflow_sparktune.driver.fmin.backend import FunctionBackend
from airflow_sparktune.executor.evaluate import Call, run
from airflow_sparktune.executor.imported import ImportedTask
from airflow_sparktune.testing import BackendSuite
from airflow_sparktune.testing.backend import objective

TASK = ImportedTask("airflow_sparktune.testing.backend:objective", {})


def play(call: Call) -> Ending:
    """Return the ending that `objective` would have, on the virtual clock."""
    after_s = call.params.pop("after_s", 1.0)
    return Ending(after_s, reply=run(TASK, call)[0])


class TestSimulated(BackendSuite):
    @pytest.fixture
    def make_backend(self) -> Callable[[], Backend]:
        return lambda: SimulatedBackend(VirtualClock(), play, capacity=2)


@pytest.mark.integration
class TestOnExecutors(BackendSuite):
    @pytest.fixture
    def make_backend(self, spark: SparkContext) -> Callable[[], Backend]:
        return lambda: prepared(SparkBackend(spark, lambda: TASK, parallelism=2))


@pytest.mark.integration
class TestOnTheDriver(BackendSuite):
    @pytest.fixture
    def make_backend(self, spark: SparkContext) -> Callable[[], Backend]:
        return lambda: prepared(DriverBackend(spark, lambda: TASK, parallelism=2))


@pytest.mark.integration
class TestOfAScript(BackendSuite):
    """The backend of fmin scripts, whose trials get their values from `value_of`."""

    @pytest.fixture
    def make_backend(self, spark: SparkContext) -> Callable[[], Backend]:
        return lambda: prepared(Scripted(spark))


class Scripted(FunctionBackend):
    """A script's backend whose values are the params of the calls."""

    def __init__(self, spark: SparkContext) -> None:
        self.params: dict[int, object] = {}
        super().__init__(spark, objective, parallelism=2, value_of=self.params.__getitem__)

    def submit(self, call: Call) -> None:
        self.params[call.trial.number] = call.params
        super().submit(call)


def prepared(backend: Backend) -> Backend:
    backend.prepare(Patience())
    return backend
