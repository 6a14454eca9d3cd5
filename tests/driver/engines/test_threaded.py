from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_sparktune.driver.engines import shares, threaded
from airflow_sparktune.driver.engines.base import Charge, Ended, LaneEvent, Lost, Patience, Work
from airflow_sparktune.driver.engines.on_driver import DriverEngine
from airflow_sparktune.driver.engines.threaded import WorkerLost
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.reply import Reply
from tests.driver.threads import ThreadEngine, ThreadLane, no_task

PATIENCE_S = 10.0


def call(number: int) -> Call:
    return Call({}, TrialContext(number, seed=1, attempt=1, tries=1))


@pytest.fixture
def slots_of() -> Iterator[Callable[[Callable[[int], Reply]], ThreadLane]]:
    made: list[ThreadLane] = []

    def make(run: Callable[[int], Reply]) -> ThreadLane:
        made.append(ThreadEngine(lambda call: run(call.trial.number)).lane())
        return made[-1]

    yield make
    for slots in made:
        slots.ended.set()
        slots.close()


SlotsOf = Callable[[Callable[[int], Reply]], ThreadLane]


def wait(slots: ThreadLane, count: int) -> list[LaneEvent]:
    found: list[LaneEvent] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        found += slots.events(wait_s=None)
    return sorted(found, key=lambda item: item.number)


def test_a_finished_trial_ends_the_wait(slots_of: SlotsOf) -> None:
    slots = slots_of(lambda number: Reply(0.0, loss=float(number)))
    for number in range(3):
        slots.submit(call(number))
    assert wait(slots, 3) == [Ended(number, Reply(0.0, loss=float(number))) for number in range(3)]


def test_a_lost_worker_is_reported_with_the_reason(slots_of: SlotsOf) -> None:
    def run(number: int) -> Reply:
        raise WorkerLost("exited unexpectedly")

    slots = slots_of(run)
    slots.submit(call(4))
    assert wait(slots, 1) == [Lost(4, "exited unexpectedly")]


@pytest.mark.parametrize("error", [DriverLost("gone"), ZeroDivisionError(), KeyboardInterrupt()])
def test_events_raises_any_other_exception(slots_of: SlotsOf, error: BaseException) -> None:
    def run(number: int) -> Reply:
        raise error

    slots = slots_of(run)
    slots.submit(call(0))
    with pytest.raises(type(error)):
        wait(slots, 1)


def test_results_before_the_engine_was_lost_are_reported_first(slots_of: SlotsOf) -> None:
    def run(number: int) -> Reply:
        if number == 2:
            raise DriverLost("gone")
        return Reply(0.0, loss=float(number))

    slots = slots_of(run)
    for number in range(3):
        slots.submit(call(number))
        while slots._ready.qsize() <= number:
            time.sleep(0.001)
    assert [item.number for item in slots.events(wait_s=0)] == [0, 1]
    with pytest.raises(DriverLost):
        slots.events(wait_s=0)


def test_an_interrupt_stops_new_trials_and_follows_finished_ones(slots_of: SlotsOf) -> None:
    begun: list[int] = []

    def run(number: int) -> Reply:
        begun.append(number)
        return Reply(0.0, loss=float(number))

    slots = slots_of(run)
    slots.submit(call(0))
    while not slots._ready.qsize():
        time.sleep(0.001)
    slots.interrupt(KeyboardInterrupt())
    slots.submit(call(1))
    assert [item.number for item in slots.events(wait_s=None)] == [0]
    with pytest.raises(KeyboardInterrupt):
        slots.events(wait_s=None)
    assert begun == [0]


def test_an_interrupt_from_a_signal_handler_ends_the_wait(slots_of: SlotsOf) -> None:
    def run(number: int) -> Reply:
        os.kill(os.getpid(), signal.SIGUSR1)
        slots.ended.wait(PATIENCE_S)
        return Reply(0.0, loss=0.0)

    slots = slots_of(run)
    before = signal.signal(signal.SIGUSR1, lambda *_: slots.interrupt(KeyboardInterrupt()))
    try:
        slots.submit(call(0))
        with pytest.raises(KeyboardInterrupt):
            wait(slots, 1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_any_exception_of_a_cancelled_trial_counts_as_cancelled(slots_of: SlotsOf) -> None:
    def run(number: int) -> Reply:
        slots.ended.wait(PATIENCE_S)
        raise ZeroDivisionError

    slots = slots_of(run)
    slots.submit(call(0))
    slots.cancel(0)
    assert wait(slots, 1) == [Lost(0, "cancelled")]


@pytest.mark.parametrize("stopped", [True, ConnectionRefusedError()])
def test_a_failure_after_the_loss_of_spark_is_a_lost_driver(stopped: object) -> None:
    class Gone:
        """The parts of a SparkContext that the test needs, with the JVM gone."""

        _jsc = property(lambda self: self)

        def sc(self) -> Gone:
            return self

        def setJobGroup(self, *_: object, **__: object) -> None:  # noqa: N802 - Spark's name
            pass

        def isStopped(self) -> bool:  # noqa: N802 - Spark's name
            if isinstance(stopped, Exception):
                raise stopped
            return True

    engine = DriverEngine(Gone)  # type: ignore[arg-type]
    engine.start()
    slots = engine.lane(Work(objective=lambda: ImportedObjective("builtins:int", {})))
    slots.prepare(Patience())
    slots.submit(call(0))
    with pytest.raises(DriverLost, match="Spark must live as long as the study") as raised:
        wait(slots, 1)  # type: ignore[arg-type]
    assert raised.value.retryable
    slots.close()


def test_the_wait_ends_in_time_without_events(slots_of: SlotsOf) -> None:
    slots = slots_of(lambda number: Reply(0.0, loss=0.0))
    assert slots.events(wait_s=0) == []
    assert slots.events(wait_s=0.01) == []


class TestTwoLanes:
    """Two studies on one engine, each in a lane."""

    @pytest.fixture
    def engine(self) -> Iterator[ThreadEngine]:
        self.go = threading.Event()

        def run(number: int) -> Reply:
            if number == 13:
                raise DriverLost("gone")
            if number >= 20:
                self.go.wait(PATIENCE_S)
            return Reply(0.0, loss=float(number))

        engine = ThreadEngine(lambda call: run(call.trial.number))
        yield engine
        self.go.set()
        engine.close()

    @pytest.mark.parametrize("change", ["close", "end"])
    def test_a_lane_that_gets_a_slot_is_woken(
        self, engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        """Not by the poll of the capacity, which would come a second later."""
        monkeypatch.setattr(threaded, "CAPACITY_S", PATIENCE_S)
        other, waiting = engine.lane(), engine.lane()
        for number in range(other.room(2)):
            other.submit(call(20 + number))
        assert waiting.room(2) == 0
        began = time.monotonic()
        then = threading.Thread(target=other.close if change == "close" else self.go.set)
        then.start()
        assert waiting.events(wait_s=None) == []
        assert time.monotonic() - began < PATIENCE_S / 2
        then.join()
        self.go.set()
        assert waiting.room(2) >= 1

    def test_an_error_comes_out_of_its_own_lane(self, engine: ThreadEngine) -> None:
        failing, other = engine.lane(), engine.lane()
        failing.submit(call(13))
        other.submit(call(3))
        with pytest.raises(DriverLost):
            wait(failing, 1)
        failing.close()
        assert wait(other, 1) == [Ended(3, Reply(0.0, loss=3.0))]
        assert other.capacity == 2

    def test_closing_a_lane_cancels_its_trials_only(self, engine: ThreadEngine) -> None:
        closed, other = engine.lane(), engine.lane()
        closed.submit(call(20))
        other.submit(call(20))
        closed.close()
        assert closed.ended.is_set()
        assert not other.ended.is_set()
        closed.submit(call(21))
        self.go.set()
        assert wait(other, 1) == [Ended(20, Reply(0.0, loss=20.0))]
        assert 21 not in [each.trial.number for each in closed.calls]

    def test_a_trial_knows_its_study_and_how_many_there_are(self, engine: ThreadEngine) -> None:
        alone = engine.lane()
        alone.submit(call(0))
        wait(alone, 1)
        named = engine.lane(Work(objective=no_task, study="north"))
        named.submit(call(0))
        wait(named, 1)
        seen = [(each.name, each.studies) for each in (*alone.calls, *named.calls)]
        assert seen == [("trial 0", 1), ("north trial 0", 2)]

    def test_parallelism_limits_a_share(self) -> None:
        """A lane alone may submit more trials than there are slots."""
        engine = ThreadEngine(lambda _: Reply(0.0, loss=0.0), slots=7)
        alone = engine.lane(Work(objective=no_task, parallelism=9))
        assert (alone.capacity, alone.room(20)) == (9, 9)
        lanes = [alone, engine.lane(Work(objective=no_task, parallelism=1)), engine.lane()]
        assert [lane.capacity for lane in lanes] == [7, 1, 7]

    def test_the_last_charge_of_a_study_has_its_last_trials(
        self, engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The charge is split now and then only, and the rest would be nobody's."""
        monkeypatch.setattr(shares, "SPLIT_S", PATIENCE_S)
        lane, other = engine.lane(), engine.lane()
        for each in (lane, other):
            assert each.room(1) == 1
            each.submit(call(20))
        before = lane.charge().slot_s
        assert lane.charge().slot_s == before
        self.go.set()
        wait(lane, 1)
        assert lane.charge().slot_s > before

    def test_the_charge_of_a_lane_never_falls(self) -> None:
        """Of two threads, the one that has read the application's charge first may split it last."""
        read = iter([10.0, 8.0, 12.0])

        class Read(ThreadEngine):
            def charge(self) -> Charge:
                return Charge(next(read), 2)

        lane = Read(lambda _: Reply(0.0)).lane()
        assert [lane.charge().slot_s for _ in range(3)] == [10.0, 10.0, 12.0]

    def test_an_interrupt_needs_no_lock(self, engine: ThreadEngine) -> None:
        """A signal handler may run while its own thread holds the lock."""
        lanes = [engine.lane(), engine.lane()]
        with engine._changing:
            engine.interrupt(KeyboardInterrupt())
        for lane in lanes:
            with pytest.raises(KeyboardInterrupt):
                wait(lane, 1)
