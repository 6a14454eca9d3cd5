"""Studies on a simulated dynamic allocation, whose executors have one slot each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from airflow_sparktune.driver.engines.base import Ended, LaneEvent
from airflow_sparktune.driver.spark.growth import PATIENCE_S, Growth
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock
from tests.driver.world import World

IDLE_S = 60.0


class Allocation:
    """Asks for executors as Spark's ExecutorAllocationManager does, once a second.

    While tasks wait, it asks for 1, 2, 4, 8, ... more, but never for more than there are tasks. It withdraws
    what tasks no longer need. An executor comes `start_s` seconds after it was asked for, if there is `room`.
    """

    def __init__(self, *, start_s: float, room: Callable[[float], float]) -> None:
        self._start_s = start_s
        self._room = room
        self._target, self._more = 0, 1
        self._coming: list[float] = []

    def arrived(self, now: float, *, there: int) -> int:
        """Return how many of the executors that were asked for have come."""
        room = int(min(self._room(now) - there, len(self._coming)))
        came = [at for at in self._coming[:room] if at <= now]
        self._coming = self._coming[len(came) :]
        return len(came)

    def ask(self, now: float, *, there: int, waiting: int, running: int) -> None:
        """Adjust the number of executors to the tasks."""
        needed = waiting + running
        if not waiting or needed < self._target:
            self._target, self._more = min(self._target, needed), 1
        else:
            target = min(max(self._target, there) + self._more, needed)
            self._more = 2 * self._more if target - self._target == self._more else 1
            self._target = max(target, self._target)
        missing = max(self._target - there, 0)
        self._coming = self._coming[:missing]
        self._coming += [now + self._start_s] * (missing - len(self._coming))


class AllocatedLane(SimulatedLane):
    """Runs trials in the order of their calls on the executors of an allocation; `events` takes a second.

    `seen` has the number of executors and of waiting trials at each second.
    """

    def __init__(
        self,
        clock: VirtualClock,
        *,
        trial_s: Callable[[int], float] = lambda _: 600.0,
        start_s: float = 20.0,
        most: float = math.inf,
        room: Callable[[float], float] = lambda _: math.inf,
    ) -> None:
        self._now = clock
        self._growth = Growth(each=1, most=most, clock=clock)
        self._allocation = Allocation(start_s=start_s, room=room)
        self._trial_s = trial_s
        self._waiting: list[int] = []
        self._ends: dict[int, float] = {}
        self._idle: list[float] = []  # since when executors without a trial have been idle
        self.seen: list[tuple[int, int]] = []
        super().__init__(clock, lambda _: Ending.ok(0.5), capacity=lambda _: self._growth.to_fill(self.slots))

    @property
    def slots(self) -> int:
        return len(self._ends) + len(self._idle)

    def submit(self, call: Call) -> None:
        self.calls.append(call)
        self._waiting.append(call.trial.number)

    def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
        now = self._now()
        self._idle = [since for since in self._idle if now - since < IDLE_S]
        self._idle += [now] * self._allocation.arrived(now, there=self.slots)
        while self._idle and self._waiting:
            self._idle.pop()
            number = self._waiting.pop(0)
            self._ends[number] = now + self._trial_s(number)
        waiting, running = len(self._waiting), len(self._ends)
        self._allocation.ask(now, there=self.slots, waiting=waiting, running=running)
        self.seen.append((self.slots, waiting))
        self._now.pass_to(now + 1.0)
        ended = [number for number, end in self._ends.items() if end <= now + 1.0]
        for number in ended:
            del self._ends[number]
            self._idle.append(now + 1.0)
        return [Ended(number, Reply(0.0, loss=0.5)) for number in ended]

    def reaches(self, executors: int) -> int:
        """Return the second at which there are this many executors."""
        return next(at for at, (there, _) in enumerate(self.seen) if there >= executors)


@pytest.mark.parametrize("start_s", [5.0, 20.0, 60.0])
@pytest.mark.parametrize("trial_s", [10.0, 600.0])
def test_executors_double(start_s: float, trial_s: float) -> None:
    """From 1 to 32 takes five times the start of an executor; one at a time, it would take 31 times."""
    world = World()
    lane = AllocatedLane(world.clock, start_s=start_s, trial_s=lambda _: trial_s, room=lambda _: 32)
    spark_s = 1 + 1 + 2 + 3 + 4  # Spark asks for 1, 2, 4, 8 and 16 executors within so many seconds
    doubled_s = 5 * (start_s + 1) + spark_s
    world.tuner(lane, timeout=start_s + doubled_s + 2, max_evals=None).run()
    assert lane.reaches(32) - lane.reaches(1) <= doubled_s
    assert [call.trial.number for call in lane.calls] == [number for number, _ in world.sampler.asked]


def test_nothing_waits_for_executors_beyond_the_most() -> None:
    world = World()
    lane = AllocatedLane(world.clock, most=6)
    world.attempt(slots=lane, max_evals=40)
    assert max(there + waiting for there, waiting in lane.seen) == 6


def test_executors_go_when_the_trials_run_out() -> None:
    world = World()
    lane = AllocatedLane(world.clock, trial_s=lambda number: 1_000.0 if number == 99 else 100.0)
    world.attempt(slots=lane, max_evals=100)
    assert len(lane.calls) == 100
    assert max(there for there, _ in lane.seen) >= 16
    assert lane.seen[-1] == (1, 0)


def test_a_cluster_that_grows_no_more_gets_one_trial_ahead() -> None:
    """Trials that wait were suggested early; when there is room again, executors double again."""
    world = World()
    begin, trial_s, more = world.clock(), 10.0, 300
    lane = AllocatedLane(
        world.clock,
        trial_s=lambda _: trial_s,
        room=lambda now: 8 if now < begin + more else 32,
    )
    world.tuner(lane, timeout=430, max_evals=None).run()
    full = lane.reaches(8)
    assert lane.seen[full + 60] == (8, 8)
    settled = full + int(PATIENCE_S + trial_s) + 2
    assert {waiting for _, waiting in lane.seen[settled:more]} == {1}
    assert lane.reaches(32) - more <= 4 * 20 + 20
