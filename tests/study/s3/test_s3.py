"""Studies on a real S3 server, behind a proxy that injects faults."""

from __future__ import annotations

import time

import pytest

from airflow_sparktune.errors import StorageError, StorageUnavailable
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.storage import Storage, open_storage
from tests.study.journal.test_create import race
from tests.study.journal_suite.suite import JournalSuite
from tests.study.s3.faulty_proxy import Fault, FaultyProxy, Request

pytestmark = pytest.mark.integration


class TestJournal(JournalSuite):
    @pytest.fixture
    def storage(self, address: str) -> Storage:
        return open_storage(address)


class TestFaults:
    @pytest.fixture
    def storage(self, address: str) -> Storage:
        return open_storage(address)

    @pytest.mark.parametrize(
        "fault", [Fault.SLOW_DOWN, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_AFTER]
    )
    def test_a_temporary_fault_is_not_noticed(
        self, storage: Storage, proxy: FaultyProxy, fault: Fault
    ) -> None:
        """The S3 client retries; the file exists once and is complete."""
        proxy.choose = _first(2, fault)
        storage.write("journal/1", b"event\n")
        proxy.choose = _first(2, fault)
        assert storage.read("journal/1") == b"event\n"
        assert storage.names("journal") == ["1"]
        assert proxy.injected[fault] >= 2

    def test_an_outage_raises_storage_unavailable(self, storage: Storage, proxy: FaultyProxy) -> None:
        """A retry of the task can help, unlike after a wrong setting."""
        storage.write("spec.json", b"{}")
        proxy.choose = lambda request: Fault.UNAVAILABLE
        for attempt in (
            lambda: storage.write("journal/1", b"event\n"),
            lambda: storage.read("spec.json"),
            lambda: storage.names("journal"),
        ):
            with pytest.raises(StorageUnavailable, match="study folder must be"):
                attempt()
        proxy.choose = lambda request: None
        assert storage.names("") == ["spec.json"]

    def test_one_of_eight_writers_creates_an_object(self, address: str) -> None:
        for attempt in range(3):
            (winner,) = race(lambda attempt=attempt: open_storage(f"{address}/{attempt}"))
            assert open_storage(f"{address}/{attempt}").read("record/1") == b"%d" % winner * 1000

    def test_an_entry_whose_answer_was_lost_is_on_record_once(self, address: str, proxy: FaultyProxy) -> None:
        """The S3 client sends its request again, which is then refused; the writer finds its own entry."""
        proxy.choose = _first_put(Fault.RESET_AFTER)
        record = Champions(address)
        facts = {"at": 1.0, "params": {"x": 1}, "reason": ""}
        assert record.add(Action.FIRST, cause="a", **facts).number == 1
        assert proxy.injected[Fault.RESET_AFTER] == 1
        assert record.add(Action.REPLACED, cause="b", **facts).number == 2
        assert Champions(address).numbers() == [1, 2]

    def test_a_missing_bucket(self, proxy: FaultyProxy) -> None:
        with pytest.raises(StorageError, match="no-such-bucket"):
            open_storage("s3://no-such-bucket/study").write("spec.json", b"{}")


def test_the_time_of_a_write(address: str) -> None:
    before = time.time()
    open_storage(address).write("spec.json", b"{}")
    at = open_storage(address).modified("spec.json")
    assert at is not None
    assert before - 1 <= at <= time.time() + 1  # S3 tells whole seconds
    assert open_storage(address).modified("missing") is None


def _first_put(fault: Fault):
    """Return a chooser that gives the first PUT the fault."""
    left = [fault]

    def choose(request: Request) -> Fault | None:
        return left.pop() if left and request.kind == "PUT" else None

    return choose


def _first(number: int, fault: Fault):
    """Return a chooser that gives the first `number` requests the fault."""
    left = [fault] * number

    def choose(request: Request) -> Fault | None:
        return left.pop() if left else None

    return choose
