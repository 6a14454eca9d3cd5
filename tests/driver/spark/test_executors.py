"""How long task slots have existed, from what Spark tells about its executors."""

from __future__ import annotations

import pytest

from airflow_sparktune.driver.spark.executors import Executor, ExecutorTime
from benchmarks.simulated import VirtualClock

BEGAN = 1_700_000_000.0


class Cluster:
    """Executors on a virtual clock; the wall clock is off by `set_by_s` seconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock(at=0.0)
        self.set_by_s = 0.0
        self.executors: dict[str, Executor] = {}
        self.time = ExecutorTime(clock=self.clock, wall=self.wall)

    def wall(self) -> float:
        return BEGAN + self.clock() + self.set_by_s

    def at(self, seconds: float) -> Cluster:
        self.clock.pass_to(seconds)
        return self

    def add(self, name: str, *, slots: int = 1) -> None:
        self.executors[name] = Executor(name=name, slots=slots, added=self.wall())

    def remove(self, name: str) -> None:
        old = self.executors[name]
        self.executors[name] = Executor(name=name, slots=old.slots, added=old.added, removed=self.wall())

    def read(self) -> float:
        self.time.read(self.executors.values())
        return self.time.slot_s


@pytest.fixture
def executors() -> Cluster:
    return Cluster()


def test_there_is_no_charge_without_executors(executors: Cluster) -> None:
    assert executors.at(100).read() == 0
    assert executors.at(200).time.slot_s == 0


def test_executors_count_from_the_moment_at_which_they_came(executors: Cluster) -> None:
    executors.at(10).add("0", slots=4)
    assert executors.at(30).read() == 4 * 20
    assert executors.time.slots == 4
    assert executors.at(35).time.slot_s == 4 * 25  # by the last reading


def test_executors_that_came_and_went_between_two_readings_count(executors: Cluster) -> None:
    executors.at(0).add("0")
    executors.read()
    executors.at(10).remove("0")
    executors.at(12).add("1", slots=2)
    executors.at(15).remove("1")
    executors.at(20).add("2")
    assert executors.at(30).read() == 10 + 2 * 3 + 10
    assert executors.at(40).read() == 10 + 2 * 3 + 20  # those that have gone count once
    assert executors.time.slots == 1


def test_a_removal_found_late_takes_back_what_was_counted_since(executors: Cluster) -> None:
    executors.at(0).add("0")
    executors.read()
    executors.at(10).remove("0")
    assert executors.at(25).time.slot_s == 25
    assert executors.read() == 10


@pytest.mark.parametrize("set_by_s", [-86_400.0, 86_400.0])
def test_a_wall_clock_that_jumps_moves_a_moment_only_between_two_readings(
    executors: Cluster, set_by_s: float
) -> None:
    executors.at(0).add("0")
    executors.read()
    executors.at(100).set_by_s = set_by_s
    assert executors.at(110).read() == 110
    executors.at(120).add("1")
    assert executors.at(130).read() == 130 + 10
    executors.set_by_s = 0.0
    executors.at(140).remove("1")
    assert 140 + 10 <= executors.at(150).read() <= 150 + 20
    assert executors.at(160).read() - executors.at(155).time.slot_s == pytest.approx(0)
