"""Segments on one engine without Spark: which run, which wait, and whose failure is whose."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_sparktune.driver import engines, recorder
from airflow_sparktune.driver.engines.base import Patience, Work
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.segments import application as segments_application
from airflow_sparktune.driver.segments.application import Application
from airflow_sparktune.driver.segments.log import SegmentFormatter
from airflow_sparktune.driver.segments.plan import SegmentPlan
from airflow_sparktune.driver.termination import KILLED, Termination
from airflow_sparktune.errors import DriverLost, PlatformError, StorageError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind
from tests.driver.threads import ThreadEngine, ThreadLane, no_task
from tests.driver.world import DigestSampler, MemoryStorage, spec

PATIENCE_S = 30.0
ADDRESS = "/studies/dag/task/run/g0"


class Plan(SegmentPlan):
    def sampler(self) -> Sampler:
        return DigestSampler()


class Folders(defaultdict[str, MemoryStorage]):
    """The folders of an application, by address."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage)

    def study(self, segment: str) -> Study:
        return self[address_of(ADDRESS, segment)].study()

    def ends(self, *segments: str) -> list[StopReason | None]:
        closed = (self.study(segment).closed for segment in segments)
        return [None if each is None else each.reason for each in closed]


@pytest.fixture
def folders() -> Folders:
    return Folders()


def segments(names: str, *, at_once: int | None = None, **given: Any) -> Segments:
    return Segments.of(
        spec(**{"max_evals": 4, **given}),
        {name: {"region": name} for name in names},
        parallelism_per_segment=at_once,
    )


def ok(call: Call) -> Reply:
    return Reply(0.0, loss=call.params["x"])


def failed(message: str) -> Reply:
    return Reply.failed(Failure(FailureKind.RAISED, message), run_s=0.0)


def application(
    asked: Segments, folders: Folders, engine: ThreadEngine, *, plan: Callable[..., SegmentPlan] = Plan
) -> Application:
    return Application(asked, ADDRESS, engine, storage_of=folders.__getitem__, plan=plan)


def run(asked: Segments, folders: Folders, engine: ThreadEngine, **given: Any) -> bool:
    return application(asked, folders, engine, **given).run(Termination(engine.interrupt))


def test_each_segment_is_a_study_of_its_own(folders: Folders) -> None:
    """It has its journal, its spec and its budget; its trials are named by it."""
    engine = ThreadEngine(ok, slots=3)
    assert run(segments("abcde"), folders, engine)
    for name in "abcde":
        study = folders.study(name)
        assert study.spec is not None
        assert (study.spec.segment, study.spec.objective_kwargs) == (name, {"region": name})
        assert sorted(study.trials) == [0, 1, 2, 3]
    assert engine.studies == 0


def test_a_failure_stays_in_its_segment(folders: Folders) -> None:
    """Its verdict is in its journal; the others end with results. Another start could not help."""
    asked = segments("abc")
    engine = ThreadEngine(lambda call: failed("no data") if call.study == "b" else ok(call))
    assert run(asked, folders, engine)
    assert folders.ends("a", "b", "c") == [StopReason.MAX_EVALS, StopReason.ERROR, StopReason.MAX_EVALS]
    assert "no data" in (folders.study("b").closed.error or {})["message"]  # type: ignore[union-attr]


def test_an_application_without_any_result_has_failed(folders: Folders) -> None:
    assert not run(segments("ab"), folders, ThreadEngine(lambda _: failed("no data")))


def test_a_retry_runs_only_what_has_no_verdict(folders: Folders) -> None:
    """Neither the result of one segment nor the lasting error of another is touched."""
    asked, ran = segments("abc", at_once=1), list[str]()  # c must leave slots to the others
    lost = threading.Event()

    def begin(call: Call) -> Reply:
        ran.append(call.study)
        if call.study == "c":
            assert lost.wait(PATIENCE_S)
            raise DriverLost("Spark has shut down")
        return failed("no data") if call.study == "b" else ok(call)

    engine = ThreadEngine(begin, slots=3)

    def lose() -> None:
        wait_for(folders, "a", "b")
        lost.set()

    threading.Thread(target=lose).start()
    assert not run(asked, folders, engine)
    ran.clear()

    def again(call: Call) -> Reply:
        ran.append(call.study)
        return ok(call)

    assert run(asked, folders, ThreadEngine(again))
    assert set(ran) == {"c"}
    assert [len(folders.study(name).attempts) for name in "abc"] == [1, 1, 2]
    assert folders.ends("c") == [StopReason.MAX_EVALS]


def wait_for(folders: Folders, *names: str) -> None:
    until = threading.Event()
    while None in folders.ends(*names):
        until.wait(0.01)


def test_at_most_twice_as_many_lanes_are_open_as_there_are_slots(folders: Folders) -> None:
    """The journals of the others do not exist until then."""
    open_at_once, journals = list[int](), list[int]()

    def look(call: Call) -> Reply:
        open_at_once.append(engine.studies)
        journals.append(sum(bool(folders.study(name).attempts) for name in "abcdefghij"))
        return ok(call)

    engine = ThreadEngine(look, slots=2)
    assert run(segments("abcdefghij"), folders, engine)
    assert max(open_at_once) == 4
    assert journals[0] <= 4


def test_a_kill_reaches_all_and_leaves_the_waiting_ones(folders: Folders) -> None:
    """Each open segment is closed as killed, so that a retry continues it."""
    termination: list[Termination] = []

    def kill(call: Call) -> Reply:
        if call.trial.number == 1:
            termination[0].on_sigterm(15, None)
        return ok(call)

    engine = ThreadEngine(kill, slots=1)
    termination.append(Termination(engine.interrupt))
    assert not application(segments("abcdef"), folders, engine).run(termination[0])
    opened = [name for name in "abcdef" if folders.study(name).attempts]
    assert 0 < len(opened) <= 2
    assert set(folders.ends(*opened)) == {StopReason.KILLED}


def test_a_kill_ends_the_wait_for_the_engine(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal is begun, and the exit code says so."""

    class Starting(ThreadEngine):
        def start(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(PATIENCE_S)

    engine = Starting(ok)
    monkeypatch.setattr(engines, "create", lambda *_, **__: engine)
    monkeypatch.setattr(
        segments_application, "Application", lambda *given: application(given[0], folders, engine)
    )
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        assert segments_application.run_segments(ADDRESS, segments("ab")) == KILLED
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert not any(folders.study(name).attempts for name in "ab")


def test_a_request_to_stop_ends_all_and_leaves_the_waiting_ones(folders: Folders) -> None:
    """Each open segment ends with its best result; a request of an earlier try is forgotten.

    YARN must not start the driver again, which would run the others.
    """
    asked, first = segments("abcdef", max_evals=None, timeout=600), threading.Event()
    request_stop(folders[ADDRESS], attempt=0, by="an earlier user")

    def stop(call: Call) -> Reply:
        if not first.is_set():
            first.set()
            request_stop(folders[ADDRESS], attempt=0, by="ada")
        threading.Event().wait(0.01)
        return ok(call)

    assert run(asked, folders, ThreadEngine(stop, slots=1))
    opened = [name for name in "abcdef" if folders.study(name).attempts]
    tried = [name for name in opened if folders.study(name).best]
    assert 0 < len(tried) <= len(opened) <= 2
    assert set(folders.ends(*tried)) == {StopReason.STOPPED}


def test_a_broken_application_is_raised_in_the_open_lanes_only(folders: Folders) -> None:
    """A retry continues them; the waiting segments have not begun."""

    def gone(call: Call) -> Reply:
        raise DriverLost("Spark has shut down")

    assert not run(segments("abcdef"), folders, ThreadEngine(gone, slots=1))
    errors = [closed.error for name in "abcdef" if (closed := folders.study(name).closed) is not None]
    assert 0 < len(errors) <= 2
    assert all(error is not None and error["retryable"] for error in errors)


def test_an_engine_that_does_not_start_is_on_record_once(folders: Folders) -> None:
    """The first segment's journal tells why; nothing else is begun."""

    class Broken(ThreadEngine):
        def start(self) -> None:
            raise PlatformError("Java must be there")

    assert not run(segments("abc"), folders, Broken(ok))
    assert folders.ends("a", "b", "c") == [StopReason.ERROR, None, None]


def test_a_segment_whose_storage_is_bad_ends_alone(
    folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which; the others have results."""

    def open_folder(address: str) -> MemoryStorage:
        if "segment=b" in address:
            raise StorageError("the study folder must be readable")
        return folders[address]

    engine = ThreadEngine(ok)
    asked = segments("abc")
    caplog.handler.setFormatter(SegmentFormatter("%(message)s"))
    run_ = Application(asked, ADDRESS, engine, storage_of=open_folder, plan=Plan)
    with caplog.at_level(logging.INFO):
        assert not run_.run(Termination(engine.interrupt))
    assert folders.ends("a", "c") == [StopReason.MAX_EVALS] * 2
    assert "[b] the study folder must be readable" in caplog.text


@pytest.fixture(autouse=True)
def _formatter(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    before = caplog.handler.formatter
    yield
    caplog.handler.setFormatter(before)


def test_each_line_of_the_log_says_which_segment_it_is_about(
    folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    """Also each line of a traceback, and what an objective logs on the driver."""

    def log_and_fail(call: Call) -> Reply:
        logging.getLogger("objective").info("trial %d", call.trial.number)
        return failed("no\ndata")

    caplog.handler.setFormatter(SegmentFormatter("%(message)s"))
    with caplog.at_level(logging.INFO):
        run(segments("ab"), folders, ThreadEngine(log_and_fail))
    lines = [line for line in caplog.text.splitlines() if "segments have" not in line]
    assert {line.split("] ")[0] for line in lines} == {"[a", "[b"}


def test_the_applications_time_and_slot_hours_are_shared(folders: Folders) -> None:
    """Each segment's journal has its share; what is used up begins no other."""
    asked = segments("abcd", timeout=3600.0, limits={"budget_slot_hours": 1.0})
    assert run(asked, folders, ThreadEngine(ok, slots=1))
    specs = [spec for name in "abcd" if (spec := folders.study(name).spec)]
    assert [round((spec.timeout or 0) / 60) for spec in specs] == [30, 30, 60, 60]
    assert specs[0].limits.budget_slot_hours == 0.25
    assert min(spec.limits.budget_slot_hours or 0 for spec in specs) == 0.25


def interrupted(folders: Folders, *names: str) -> None:
    """Let segments have a trial in a driver that was killed."""
    asked = segments("".join(names), at_once=1, max_evals=9)
    termination = list[Termination]()

    def kill(call: Call) -> Reply:
        if call.trial.number:
            while not all(folders.study(name).best for name in names):
                threading.Event().wait(0.01)
            termination[0].on_sigterm(15, None)
        return ok(call)

    engine = ThreadEngine(kill, slots=len(names))
    termination.append(Termination(engine.interrupt))
    assert not application(asked, folders, engine).run(termination[0])
    assert set(folders.ends(*names)) == {StopReason.KILLED}


def test_what_an_earlier_try_has_found_stands_once_the_time_is_used_up(folders: Folders) -> None:
    """A study alone ends so, too. A segment without a trial tells that the limit is too low."""
    interrupted(folders, "a", "b")
    assert run(segments("abc", max_evals=9, timeout=1e-9), folders, ThreadEngine(ok))
    assert folders.ends("a", "b", "c") == [StopReason.TIMEOUT, StopReason.TIMEOUT, StopReason.ERROR]
    closed = folders.study("c").closed
    assert closed is not None
    assert closed.error is not None
    assert "reached timeout" in closed.error["message"]


def test_a_segment_that_had_no_time_runs_once_the_limit_is_raised(folders: Folders) -> None:
    assert not run(segments("ab", timeout=1e-9), folders, ThreadEngine(ok))
    assert run(segments("ab", timeout=600.0), folders, ThreadEngine(ok))


def test_a_segment_waits_for_slot_hours_that_another_may_leave(folders: Folders) -> None:
    """One with a budget of its own may have all that is left at first."""
    asked = Segments.of(
        spec(max_evals=4, limits={"budget_slot_hours": 1.0}),
        [{"name": "a", "limits": {"budget_slot_hours": 2.0}}, {"name": "b"}, {"name": "c"}],
    )
    assert run(asked, folders, ThreadEngine(ok))


def test_a_study_that_starts_over_has_used_nothing(folders: Folders) -> None:
    """Its earlier slot-hours were another study's."""
    assert run(segments("a"), folders, ThreadEngine(ok))
    assert folders.study("a").slots_s > 0
    again = Segments.of(spec(max_evals=4, limits={"budget_slot_hours": 1.0}), {"a": {"new": 1}, "b": {}})
    assert run(again, folders, ThreadEngine(ok))
    found = folders.study("a").spec
    assert found is not None
    assert found.limits.budget_slot_hours == 0.5


def test_a_request_to_stop_ends_those_of_an_earlier_try_too(folders: Folders) -> None:
    """They end with what they have, so that no retry continues what a person has stopped."""
    interrupted(folders, "a", "b", "c", "d")

    def stop(call: Call) -> Reply:
        request_stop(folders[ADDRESS], attempt=0, by="ada")
        threading.Event().wait(0.01)
        return ok(call)

    assert run(segments("abcdef", max_evals=None, timeout=600), folders, ThreadEngine(stop, slots=1))
    assert folders.ends("a", "b", "c", "d") == [StopReason.STOPPED] * 4
    assert folders.ends("e", "f") == [None, None]


def test_no_other_segment_begins_once_a_newer_driver_has_taken_one_over(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the older driver would take segments away from the newer one."""
    monkeypatch.setattr(recorder, "CHECK_NEWEST_S", 0.0)
    taken = threading.Event()

    def take_over(call: Call) -> Reply:
        if call.study == "a" and not taken.is_set():
            taken.set()
            assert run(segments("a"), folders, ThreadEngine(ok))
        return ok(call)

    assert not run(segments("abcdef"), folders, ThreadEngine(take_over, slots=1))
    assert folders.ends("c", "d", "e", "f") == [None] * 4


def test_slots_that_come_late_leave_the_first_segment_its_time(folders: Folders) -> None:
    """How many segments will run at once is not known while there is no slot."""

    class Late(ThreadEngine):
        @property
        def slots(self) -> int:
            return 8 if self.studies else 0

    assert run(segments("abcdefgh", timeout=3600.0), folders, Late(ok))
    first = folders.study("a").spec
    assert first is not None
    assert (first.timeout or 0) > 3500


def test_a_segments_own_timeout_does_not_end_the_wait_for_the_cluster(folders: Folders) -> None:
    """It is over by the time that the cluster is there; the other segment has a result."""

    class Checking(ThreadLane):
        def prepare(self, patience: Patience) -> None:
            self._work.check(wait_for_executor, patience)

    class Cluster(ThreadEngine):
        def lane(self, work: Work = Work(objective=no_task)) -> ThreadLane:  # noqa: B008
            return self.admit(Checking(self, work))

    def wait_for_executor(patience: Patience) -> None:
        if patience.left_s < 60.0:
            raise PlatformError("an executor must finish the first job within the study's timeout")

    asked = Segments.of(
        spec(max_evals=4, timeout=3600.0), [{"name": "a", "timeout": 1e-6}, {"name": "b"}, {"name": "c"}]
    )
    assert run(asked, folders, Cluster(ok))
    assert folders.ends("a", "b", "c") == [StopReason.ERROR, StopReason.MAX_EVALS, StopReason.MAX_EVALS]
