"""Conformance tests of an engine and its lanes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_sparktune.driver.engines.base import Ended, Engine, Lane, LaneEvent, Lost, Patience, Work
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.study.trial import FailureKind

PATIENCE_S = 60.0


def objective(params: dict[str, Any]) -> float:
    """Take `after_s` seconds, then raise `error` or return `loss`. The objective of the suite's trials."""
    until = time.monotonic() + params.get("after_s", 0.0)
    while time.monotonic() < until:
        time.sleep(0.02)  # short, so that a trial on the driver can be interrupted
    if "error" in params:
        raise ValueError(params["error"])
    loss: float = params["loss"]
    return loss


OBJECTIVE = ImportedObjective(f"{__name__}:objective", {})
OpenLane = Callable[[], Lane]


class _Suite:
    """The fixtures of the suites: an engine, and a function that opens a lane that is ready for trials."""

    @pytest.fixture
    def engine(self, make_engine: Callable[[], Engine]) -> Iterator[Engine]:
        made = make_engine()
        made.start()
        yield made
        made.close()

    @pytest.fixture
    def open_lane(self, engine: Engine) -> OpenLane:
        def opened() -> Lane:
            lane = engine.lane(Work(objective=lambda: OBJECTIVE))
            lane.prepare(Patience())
            return lane

        return opened

    @pytest.fixture
    def lane(self, open_lane: OpenLane) -> Lane:
        return open_lane()


class EngineSuite(_Suite):
    """Tests that several studies can share an engine.

    An engine supplies one fixture, `make_engine`: a function that returns a new engine with two slots. The
    suite closes it.

        class TestMyEngine(EngineSuite, LaneSuite):
            @pytest.fixture
            def make_engine(self):
                return MyEngine
    """

    def test_starting_and_closing_twice_is_harmless(self, engine: Engine) -> None:
        """A second start or close does nothing."""
        engine.start()
        engine.close()
        engine.close()

    def test_it_has_its_slots(self, engine: Engine) -> None:
        """The slots are known before any trial runs."""
        assert engine.slots == 2

    def test_it_describes_itself_in_texts(self, engine: Engine) -> None:
        """The facts for the journal have the names that the journal's event defines."""
        facts = engine.describe()
        assert set(facts) <= {"application", "master", "ui", "history"}
        assert all(value is None or isinstance(value, str) for value in facts.values())

    def test_lanes_share_the_slots(self, open_lane: OpenLane) -> None:
        """A lane may fill the slots that others do not need. A closed one has none."""
        one, other = open_lane(), open_lane()
        assert (one.capacity, other.capacity) == (2, 2)
        assert other.room(0) == 0
        assert one.room(1) == 1
        one.close()
        assert (one.capacity, other.capacity) == (0, 2)
        assert other.room(9) == 2

    def test_a_lane_has_its_own_events_only(self, open_lane: OpenLane) -> None:
        """Trials of two studies may have the same number."""
        lanes = [open_lane(), open_lane()]
        for number in range(3):
            for at, lane in enumerate(lanes):
                lane.submit(call(number, loss=float(at)))
            for at, lane in enumerate(lanes):
                (event,) = ends(lane, 1)
                assert (event.number, loss_of(event)) == (number, at)
        assert [list(lane.events(wait_s=0)) for lane in lanes] == [[], []]

    def test_cancelling_a_trial_leaves_the_one_of_that_number_in_another_lane(
        self, open_lane: OpenLane
    ) -> None:
        """A number names a trial of one study."""
        one, other = open_lane(), open_lane()
        one.submit(call(0, loss=0.0, after_s=20.0))
        other.submit(call(0, loss=1.0, after_s=2.0))
        one.cancel(0)
        (lost,) = ends(one, 1)
        assert isinstance(lost, Lost)
        assert loss_of(*ends(other, 1)) == 1.0

    def test_a_closed_lane_frees_its_slots_and_harms_nobody(self, open_lane: OpenLane) -> None:
        """Its running trials end, those of others go on, and their lane fills its slots."""
        closed, other = open_lane(), open_lane()
        closed.submit(call(0, loss=0.0, after_s=120.0))
        other.submit(call(0, loss=1.0, after_s=2.0))
        closed.close()
        other.submit(call(1, loss=2.0))
        assert sorted((event.number, loss_of(event)) for event in ends(other, 2)) == [(0, 1.0), (1, 2.0)]

    def test_an_interrupt_comes_out_of_every_lane(self, engine: Engine, open_lane: OpenLane) -> None:
        """A lane that is opened later is interrupted too."""
        lanes = [open_lane(), open_lane()]
        engine.interrupt(KeyboardInterrupt())
        for lane in [*lanes, engine.lane(Work(objective=lambda: OBJECTIVE))]:
            with pytest.raises(KeyboardInterrupt):
                ends(lane, 1)


class LaneSuite(_Suite):
    """Tests that a lane can run a study's trials; supply the fixture of EngineSuite."""

    def test_alone_it_has_all_slots(self, lane: Lane) -> None:
        """The capacity is known before any trial runs."""
        assert (lane.capacity, lane.slots) == (2, 2)

    def test_a_trial_is_charged_for_its_slot(self, lane: Lane) -> None:
        """The charge grows by at least the time of the trial, and is known after the end too."""
        assert lane.slots == 2
        before = lane.charge()
        lane.submit(call(0, loss=0.0, after_s=1.0))
        ends(lane, 1)
        after = lane.charge()
        assert after.slot_s - before.slot_s >= 1.0
        lane.close()
        assert lane.charge().slot_s >= after.slot_s

    def test_each_trial_ends_once_with_its_own_loss(self, lane: Lane) -> None:
        """A slot runs one trial after another; running trials may end in any order."""
        for number in (0, 1):
            lane.submit(call(number, loss=number / 2))
        found: list[LaneEvent] = []
        for number in range(2, 8):
            if len(found) < number - 1:  # a slot for it is not free yet
                found += ends(lane, number - 1 - len(found))
            lane.submit(call(number, loss=number / 2))
        found += ends(lane, 8 - len(found))
        assert sorted((event.number, loss_of(event)) for event in found) == [(n, n / 2) for n in range(8)]

    def test_an_objective_that_raises_is_a_failed_trial(self, lane: Lane) -> None:
        """The failure has the exception's message, and the slot runs the next trial."""
        lane.submit(call(0, error="bad lr"))
        (event,) = ends(lane, 1)
        assert isinstance(event, Ended)
        assert event.reply.failure is not None
        assert event.reply.failure.kind is FailureKind.RAISED
        assert "bad lr" in event.reply.failure.message
        lane.submit(call(1, loss=0.5))
        assert loss_of(*ends(lane, 1)) == 0.5

    def test_slots_work_at_the_same_time(self, lane: Lane) -> None:
        """A short trial ends before a long one that started earlier."""
        lane.submit(call(0, loss=0.0, after_s=20.0))
        lane.submit(call(1, loss=1.0))
        assert [event.number for event in ends(lane, 1)] == [1]

    def test_waiting_ends_when_it_should(self, lane: Lane) -> None:
        """events returns an empty list after wait_s seconds without an event."""
        lane.submit(call(0, loss=0.0, after_s=20.0))
        assert list(lane.events(wait_s=0)) == []
        assert list(lane.events(wait_s=0.01)) == []

    def test_it_knows_how_long_a_trial_has_run(self, lane: Lane) -> None:
        """ran_s returns increasing seconds, or None while the trial waits for a slot."""
        lane.submit(call(0, loss=0.0, after_s=20.0))
        for _ in range(3):
            ran_s = lane.ran_s(0)
            assert ran_s is None or 0 <= ran_s < PATIENCE_S
            lane.events(wait_s=0.1)

    def test_a_cancelled_trial_is_lost_and_frees_its_slot(self, lane: Lane) -> None:
        """Other trials continue, and the freed slot runs the next trial."""
        lane.submit(call(0, loss=0.0, after_s=20.0))
        lane.submit(call(1, loss=1.0, after_s=2.0))
        lane.cancel(0)
        found = ends(lane, 2)
        lane.submit(call(2, loss=2.0))
        found += ends(lane, 1)
        assert {event.number: type(event) for event in found} == {0: Lost, 1: Ended, 2: Ended}

    def test_an_interrupt_comes_out_of_events(self, engine: Engine, lane: Lane) -> None:
        """events raises the error of an interrupt, even while trials run."""
        lane.submit(call(0, loss=0.0, after_s=20.0))
        engine.interrupt(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            ends(lane, 1)

    def test_closing_twice_is_harmless(self, lane: Lane) -> None:
        """A second close does nothing."""
        lane.close()
        lane.close()


def call(number: int, **params: Any) -> Call:
    return Call(params, TrialContext(number, seed=number, attempt=1, tries=1))


def loss_of(event: LaneEvent) -> float | None:
    return event.reply.loss if isinstance(event, Ended) else None


def ends(lane: Lane, count: int) -> list[LaneEvent]:
    """Wait for at least `count` events; fails after PATIENCE_S seconds."""
    found: list[LaneEvent] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < until, f"only {len(found)} of {count} trials have ended"
        found += lane.events(wait_s=1.0)
    return found
