"""Every engine of the package passes EngineSuite, and every lane LaneSuite."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.engines.base import Engine, Lane, Patience
from airflow_sparktune.driver.engines.on_driver import DriverEngine
from airflow_sparktune.driver.engines.simulated import Ending, SimulatedEngine, VirtualClock
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.driver.fmin.lane import FunctionLane
from airflow_sparktune.executor.evaluate import Call, run
from airflow_sparktune.testing import EngineSuite, LaneSuite
from airflow_sparktune.testing.engine import TASK, OpenLane, objective


def play(call: Call) -> Ending:
    """Return the ending that `objective` would have, on the virtual clock."""
    after_s = call.params.pop("after_s", 1.0)
    return Ending(after_s, reply=run(TASK, call)[0])


class TestSimulated(EngineSuite, LaneSuite):
    @pytest.fixture
    def make_engine(self) -> Callable[[], Engine]:
        return lambda: SimulatedEngine(VirtualClock(), play, capacity=2)


@pytest.mark.integration
class TestOnExecutors(EngineSuite, LaneSuite):
    @pytest.fixture
    def make_engine(self, spark: SparkContext) -> Callable[[], Engine]:
        return lambda: SparkEngine(lambda: spark)


@pytest.mark.integration
class TestOnTheDriver(EngineSuite, LaneSuite):
    @pytest.fixture
    def make_engine(self, spark: SparkContext) -> Callable[[], Engine]:
        return lambda: DriverEngine(lambda: spark, slots=2)


@pytest.mark.integration
class TestOfAScript(LaneSuite):
    """The lane of fmin scripts, whose trials get their values from `value_of`."""

    @pytest.fixture
    def make_engine(self, spark: SparkContext) -> Callable[[], Engine]:
        return lambda: SparkEngine(lambda: spark)

    @pytest.fixture
    def open_lane(self, engine: SparkEngine) -> OpenLane:
        def opened() -> Lane:
            lane = engine.admit(Scripted(engine))
            lane.prepare(Patience())
            return lane

        return opened


class Scripted(FunctionLane):
    """A script's lane whose values are the params of the calls."""

    def __init__(self, engine: SparkEngine) -> None:
        self.params: dict[int, object] = {}
        super().__init__(engine, objective, parallelism=None, value_of=self.params.__getitem__)

    def submit(self, call: Call) -> None:
        self.params[call.trial.number] = call.params
        super().submit(call)
