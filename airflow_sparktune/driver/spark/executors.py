"""The executors of an application, and how long their task slots have existed."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from py4j.java_gateway import JavaObject
from pyspark import SparkContext

from airflow_sparktune.driver.spark.context import default_profile
from airflow_sparktune.driver.spark.resources import TASK_CPUS
from airflow_sparktune.errors import PlatformError


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """The task slots of an executor, and when Spark added and removed it, in seconds since 1970.

    A slot is the place of one trial, with all of its cores and GPUs.
    """

    name: str
    slots: int
    added: float
    removed: float | None = None
    cores: int = 0


class ExecutorTime:
    """Adds up the time of the slots of executors, from the first executor on.

    However late a reading finds that an executor has come or gone, its slots count from the moment at which
    Spark added it to the moment at which Spark removed it. Spark notes these moments by the wall clock, which
    may be adjusted: such a jump can move a moment only within the time between two readings.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._read_at = -math.inf
        self._slot_s = 0.0
        self._there: dict[str, int] = {}  # slots by executor
        self._gone: set[str] = set()

    def read(self, executors: Iterable[Executor]) -> None:
        """Take in all executors, those that have gone included."""
        now = self._clock()
        ago = self._wall() - now
        there = {}
        for each in executors:
            if each.name in self._gone:
                continue
            begin = self._read_at if each.name in self._there else self._moment(each.added - ago, now)
            end = now if each.removed is None else self._moment(each.removed - ago, now)
            self._slot_s += each.slots * max(end - begin, 0.0)
            if each.removed is None:
                there[each.name] = each.slots
            else:
                self._gone.add(each.name)
        self._there, self._read_at = there, now

    @property
    def slots(self) -> int:
        """Return the number of slots at the last reading."""
        return sum(self._there.values())

    @property
    def slot_s(self) -> float:
        """Return the slot-seconds so far; the slots of the last reading count since then."""
        return self._slot_s + (self.slots * (self._clock() - self._read_at) if self._there else 0.0)

    def _moment(self, at: float, now: float) -> float:
        return min(max(at, self._read_at), now)


def executors(context: SparkContext) -> list[Executor]:
    """Return all executors of the application with their task slots, those that have gone included."""
    spark = context._jsc.sc()
    profile, most = default_profile(context), sys.maxsize
    if profile.limitingResource(spark.conf()) not in ("", "cpus"):  # GPUs, for example
        most = profile.maxTasksPerExecutor(spark.conf())
    found = spark.statusStore().executorList(False)
    return [_executor(each, most) for each in map(found.apply, range(found.size()))]


def require_room(context: SparkContext) -> None:
    """Raise PlatformError if there are executors, and none of them has the cores of one trial."""
    there = [each for each in executors(context) if each.removed is None and each.cores]
    if there and not any(each.slots for each in there):
        cpus = context.getConf().get(TASK_CPUS, "1")
        raise PlatformError(
            f"an executor must have the cores of a trial, got at most {max(each.cores for each in there)} "
            f"cores and {TASK_CPUS} {cpus}; give executors more cores, or a trial fewer"
        )


def _executor(found: JavaObject, most: int) -> Executor:
    removed = found.removeTime()
    return Executor(
        name=found.id(),
        slots=min(found.maxTasks(), most),
        added=found.addTime().getTime() / 1000,
        removed=removed.get().getTime() / 1000 if removed.isDefined() else None,
        cores=found.totalCores(),
    )
