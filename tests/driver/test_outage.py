"""An outage of the storage loses no result and does not stop the study."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import MemoryStorage
from airflow_sparktune.study.storage.deadline import MOST_HANGING, DeadlineStorage
from airflow_sparktune.study.trial import TrialState
from benchmarks.simulated import Ending, SimulatedLane
from tests.driver.world import World, by_x


class StorageOutage:
    """Makes the storage of a world fail between two times of its clock; `failed` counts the writes."""

    def __init__(self, world: World, *, since: float, until: float) -> None:
        self.failed = 0
        write = world.storage.write

        def maybe(name: str, data: bytes) -> None:
            if since <= world.clock() < until:
                self.failed += 1
                raise StorageUnavailable("503 Slow Down")
            write(name, data)

        world.storage.write = maybe  # type: ignore[method-assign]


def lasting(call: Call) -> Ending:
    return Ending.ok(call.params["x"], after_s=5.0)


class TestOutage:
    def test_the_study_continues_and_loses_nothing(self) -> None:
        world = World(grace_s=600.0)
        outage = StorageOutage(world, since=1_012.0, until=1_200.0)
        assert world.attempt(lasting, capacity=2, max_evals=100) is StopReason.MAX_EVALS
        assert world.numbers(TrialState.OK) == list(range(100))
        # 100 trials of 5 s on two slots take 250 s, including the outage.
        assert world.clock() - 1_000.0 < 260.0
        assert 1 < outage.failed < 12

    def test_the_study_ends_with_a_retryable_error_after_the_grace_period(self) -> None:
        world = World(grace_s=60.0)
        StorageOutage(world, since=1_012.0, until=9_000.0)
        with pytest.raises(StorageUnavailable, match="503") as raised:
            world.attempt(lasting, capacity=2, max_evals=1_000)
        assert raised.value.retryable
        assert 1_072.0 <= world.clock() < 1_120.0
        assert world.numbers(TrialState.OK) == [0, 1, 2, 3]

    def test_the_timeout_applies_and_the_end_is_written_after_the_outage(self) -> None:
        world = World(grace_s=600.0)
        StorageOutage(world, since=1_007.0, until=1_040.0)
        assert world.attempt(lasting, max_evals=1_000, timeout=20.0) is StopReason.TIMEOUT
        assert world.numbers(TrialState.OK) == [0, 1, 2, 3]
        assert world.storage.study().result_stands
        assert world.clock() < 1_080.0

    def test_without_a_grace_period_the_first_failure_ends_the_study(self) -> None:
        world = World()
        StorageOutage(world, since=1_007.0, until=1_040.0)
        with pytest.raises(StorageUnavailable):
            world.attempt(by_x, max_evals=100)

    def test_one_failed_check_for_a_newer_attempt_is_ignored(self) -> None:
        world = World(grace_s=600.0)
        names, looks = world.storage.names, iter(range(1_000))

        def once(folder: str) -> list[str]:
            if next(looks) == 5:
                raise StorageUnavailable("503")
            return names(folder)

        tuner = world.tuner(SimulatedLane(world.clock, lasting, capacity=1), max_evals=5)
        world.storage.names = once  # type: ignore[method-assign]
        assert tuner.run() is StopReason.MAX_EVALS


class HangingStorage(MemoryStorage):
    """A storage whose reads hang until they are released."""

    def __init__(self) -> None:
        super().__init__({"a": b"1"})
        self.released = threading.Event()

    def read(self, name: str) -> bytes:
        self.released.wait(60.0)
        return super().read(name)


class TestDeadline:
    @pytest.fixture
    def storage(self) -> Iterator[HangingStorage]:
        storage = HangingStorage()
        yield storage
        storage.released.set()

    def test_a_hanging_call_raises_storage_unavailable(self, storage: HangingStorage) -> None:
        bounded = DeadlineStorage(storage, limit_s=0.05)
        with pytest.raises(StorageUnavailable, match=r"must answer within 0\.05 s") as raised:
            bounded.read("a")
        assert raised.value.retryable
        bounded._limit_s = 30.0  # a busy machine may take long to start a thread
        assert bounded.names("") == ["a"]

    def test_the_number_of_hanging_calls_is_limited(self, storage: HangingStorage) -> None:
        bounded = DeadlineStorage(storage, limit_s=0.01)
        for _ in range(MOST_HANGING):
            with pytest.raises(StorageUnavailable, match="a call has no answer"):
                bounded.read("a")
        with pytest.raises(StorageUnavailable, match=f"{MOST_HANGING} calls still hang"):
            bounded.write("b", b"")
        storage.released.set()
        for call in bounded._hanging:
            call.result(30.0)
        bounded._limit_s = 30.0
        assert bounded.read("a") == b"1"

    def test_errors_are_passed_on(self, storage: HangingStorage) -> None:
        storage.released.set()
        with pytest.raises(FileNotFoundError):
            DeadlineStorage(storage).read("missing")
