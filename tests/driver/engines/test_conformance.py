"""Every engine of the package passes EngineSuite, and every lane LaneSuite."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.engines.base import Charge, Engine, Lane, Patience, Work
from airflow_sparktune.driver.engines.on_driver import DriverEngine
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.driver.fmin.lane import FunctionLane
from airflow_sparktune.executor.evaluate import Call, run
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock
from tests.driver.engines.suite import (
    OBJECTIVE,
    PATIENCE_S,
    EngineSuite,
    LaneSuite,
    OpenLane,
    call,
    ends,
    objective,
)


def play(call: Call) -> Ending:
    """Return the ending that `objective` would have, on the virtual clock."""
    after_s = call.params.pop("after_s", 1.0)
    return Ending(after_s, reply=run(OBJECTIVE, call)[0])


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

    def test_it_is_charged_only_while_trials_run(self, lane: Lane) -> None:
        """The application is the script's own."""
        assert (lane.slots, lane.charge().slots) == (2, 0)
        lane.submit(call(0, loss=0.0, after_s=2.0))
        until = time.monotonic() + PATIENCE_S
        while lane.charge().slots != 1:
            assert time.monotonic() < until
            lane.events(wait_s=0.05)
        ends(lane, 1)
        assert lane.charge().slots == 0


@pytest.mark.integration
def test_an_application_of_the_study_is_charged_for_all_its_slots(spark: SparkContext) -> None:
    """Trials on the driver fill one, and their jobs any."""
    engine = DriverEngine(lambda: spark, slots=1)
    engine.start()
    lane = engine.lane(Work(objective=lambda: OBJECTIVE))
    before = lane.charge()
    assert (lane.slots, before.slots) == (1, 2)
    assert 0 < before.slot_s < lane.charge().slot_s
    engine.close()


def test_the_charge_is_known_when_spark_is_gone() -> None:
    gone = SimpleNamespace(_jsc=None)
    engine = DriverEngine(lambda: gone)  # type: ignore[arg-type, return-value]
    engine.start()
    assert engine.charge() == Charge(slot_s=0.0, slots=0)


def test_a_lane_on_the_driver_fills_at_most_the_slots() -> None:
    """Nothing queues trials there, unlike in Spark."""
    engine = DriverEngine(lambda: SimpleNamespace(), slots=2)  # type: ignore[arg-type, return-value]
    engine.start()
    lane = engine.lane(Work(objective=lambda: OBJECTIVE, parallelism=8))
    assert (lane.capacity, lane.room(math.inf)) == (2, 2)


class Scripted(FunctionLane):
    """A script's lane whose values are the params of the calls."""

    def __init__(self, engine: SparkEngine) -> None:
        self.params: dict[int, object] = {}
        super().__init__(engine, objective, parallelism=None, value_of=self.params.__getitem__, answers={})

    def submit(self, call: Call) -> None:
        self.params[call.trial.number] = call.params
        super().submit(call)
