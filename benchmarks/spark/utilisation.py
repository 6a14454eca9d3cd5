"""Measures the share of the slots' time that trials get, with sleeping objectives on many slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.report import Findings, ratio
from benchmarks.spark.session import Session

QUESTION = "How long do n trials of s seconds take?"
TARGET = (
    "at most 1.1 times a bare pool of the same jobs; at least 0.93 of the ideal with trials of 10 s; "
    "15 times faster than SparkTrials on the first two"
)


@dataclass(frozen=True, slots=True)
class Load:
    """`trials` trials of `seconds` on `slots` slots."""

    trials: int
    seconds: float
    slots: int
    peers: bool = True  # SparkTrials takes too long for some loads

    @property
    def ideal_s(self) -> float:
        return self.trials * self.seconds / self.slots

    def __str__(self) -> str:
        return f"{self.trials} x {self.seconds:g} s on {self.slots}"


# On a machine with two cores the last load has a core for each slot: the best case for SparkTrials.
FULL = (Load(64, 0.5, 8), Load(128, 2.0, 32), Load(128, 10.0, 32, peers=False), Load(12, 2.0, 2))
TINY = (Load(4, 0.01, 2),)
# Long enough that each slot serves exactly one of as many jobs as there are slots.
WAKE_S = 0.1


def measure(size: tuple[Load, ...], *, peers: bool) -> Findings:
    """Measure seconds of each contestant: in a cold session, in a warm one, and of SparkTrials."""
    slots = max(load.slots for load in size)  # the master is fixed when Spark first starts
    rows: list[tuple[Any, ...]] = []
    for load in size:
        shape: dict[str, Any] = {"trials": load.trials, "seconds": load.seconds, "parallelism": load.slots}
        session = Session(slots)
        found = {"bare pool, first in its session": session.bare_pool(**shape)}
        session.close()
        session = Session(slots)
        found["sparktune, first in its session"] = session.study(**shape)[0]
        found |= _warm(session, shape)
        if peers and load.peers:
            found["SparkTrials"] = session.spark_trials(**shape)
            found["SparkTrials, max_queue_len = slots"] = session.spark_trials(
                **shape, max_queue_len=load.slots
            )
        session.close()
        rows += _compare(load, found)
    columns = ("load", "who", "seconds", "of the ideal", "times the pool", "times sparktune")
    return Findings(columns, rows, _drawing(rows))


def _warm(session: Session, shape: dict[str, Any]) -> dict[str, float]:
    """Take the better of two runs each, in opposite order: a session gets faster with every job."""
    slots = shape["parallelism"]

    # Wake the workers of each first: Spark ends those that were idle for a minute.
    def pool() -> float:
        session.bare_pool(trials=slots, seconds=WAKE_S, parallelism=slots)
        return session.bare_pool(**shape)

    def ours() -> float:
        session.warm_up(slots=slots, seconds=WAKE_S)
        return session.study(**shape)[0]

    pools, studies = [pool()], [ours()]
    studies.append(ours())
    pools.append(pool())
    return {"bare pool": min(pools), "sparktune": min(studies)}


def _compare(load: Load, found: dict[str, float]) -> list[tuple[Any, ...]]:
    pool, ours = found["bare pool"], found["sparktune"]
    return [
        (str(load), "ideal", load.ideal_s, 1.0, None, None),
        *(
            (str(load), who, seconds, load.ideal_s / seconds, ratio(seconds, pool), ratio(seconds, ours))
            for who, seconds in found.items()
        ),
    ]


def _drawing(rows: list[tuple[Any, ...]]) -> Any:
    def draw(axes: Any) -> None:
        names = [f"{who} ({load})" for load, who, *_ in rows]
        axes.barh(names, [row[2] for row in rows])
        axes.invert_yaxis()
        axes.tick_params(labelsize=6)
        axes.set(xlabel="seconds (log)", xscale="log")

    return draw
