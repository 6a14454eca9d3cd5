"""The lanes of Spark on a real Spark with two local slots."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from py4j.protocol import Py4JNetworkError
from pyspark import SparkContext
from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests

from airflow_sparktune.driver.engines.base import Ended, LaneEvent, Lost, Patience, Work
from airflow_sparktune.driver.engines.on_driver import DriverEngine
from airflow_sparktune.driver.engines.spark import SparkEngine
from airflow_sparktune.driver.engines.spark_lane import SparkLane
from airflow_sparktune.driver.reminder import Reminder
from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.driver.spark.executors import executors
from airflow_sparktune.driver.spark.session import start_session
from airflow_sparktune.errors import DriverLost, PlatformError
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.executor.shared import Shared
from airflow_sparktune.study.trial import FailureKind, TrialState
from tests.driver.spark_objectives import Counted, hold
from tests.driver.world import PlainSampler, World

pytestmark = pytest.mark.integration

HERE = "tests.driver.spark_objectives"
PATIENCE_S = 30.0


def call(number: int, **params: Any) -> Call:
    return Call(params, TrialContext(number, seed=number, attempt=1, tries=1))


@pytest.fixture
def slots_of(spark: SparkContext) -> Iterator[Callable[..., SparkLane]]:
    made: list[SparkLane] = []

    def make(objective: str, *, parallelism: int | None = None, shared_data: Any = None) -> SparkLane:
        shared = None if shared_data is None else Shared(shared_data)
        task = ImportedObjective(f"{HERE}:{objective}", {}, shared)
        engine = SparkEngine(lambda: spark)
        engine.start()
        made.append(engine.lane(Work(objective=lambda: task, parallelism=parallelism)))
        made[-1].send()
        return made[-1]

    yield make
    for slots in made:
        slots.close()


def ends(slots: SparkLane, count: int = 1) -> list[LaneEvent]:
    found: list[LaneEvent] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        found += slots.events(wait_s=until - time.monotonic())
    assert len(found) == count
    return found


def info(item: LaneEvent) -> Any:
    assert isinstance(item, Ended), item.reason
    assert item.reply.failure is None
    return item.reply.info


def pids(folder: Path) -> list[int]:
    """Return the pid of the worker and those of its children, once it has written them."""
    until = time.monotonic() + PATIENCE_S
    while not (said := list(folder.glob("*.pids"))):
        assert time.monotonic() < until, "no trial has begun"
        time.sleep(0.05)
    return [int(pid) for pid in said[0].read_text().split()]


def alive(processes: Sequence[int], *, after_s: float = 10.0) -> list[int]:
    """Return the processes that are still alive after a grace period."""
    until = time.monotonic() + after_s
    while left := [pid for pid in processes if _lives(pid)]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return left


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestWorkers:
    def test_the_python_worker_of_a_slot_is_reused(self, slots_of: Any) -> None:
        slots = slots_of("pid", parallelism=1)
        found = []
        for number in range(20):
            slots.submit(call(number))
            found.append(info(ends(slots)[0]))
        # Two, because other tests may have left a worker for each slot.
        workers = Counter(one["pid"] for one in found)
        assert len(workers) <= 2
        assert max(one["count"] for one in found) >= 10

    def test_capacity_is_the_clusters_unless_given(self, slots_of: Any) -> None:
        assert slots_of("pid").capacity == 2
        assert slots_of("pid", parallelism=5).capacity == 5

    def test_trials_use_as_many_threads_as_cores(self, slots_of: Any) -> None:
        slots = slots_of("threads")
        slots.submit(call(0))
        assert info(ends(slots)[0])["threads"] == "1"

    def test_each_worker_loads_shared_data_once_per_study(self, slots_of: Any) -> None:
        seen = []
        for data in ([1, 2], [3, 4]):
            slots = slots_of("shared", parallelism=1, shared_data=data)
            for number in range(3):
                slots.submit(call(number))
                seen.append(info(ends(slots)[0]))
        assert [one["sum"] for one in seen] == [3, 3, 3, 7, 7, 7]
        for study in (seen[:3], seen[3:]):
            assert len({(one["pid"], one["at"]) for one in study}) == len({one["pid"] for one in study})

    def test_studies_that_take_turns_in_a_worker_load_their_data_once(self, spark: SparkContext) -> None:
        engine = SparkEngine(lambda: spark)
        engine.start()
        task = ImportedObjective(f"{HERE}:counts_loads", {}, Shared(Counted()))
        lanes = [engine.lane(Work(objective=lambda: task, study=name)) for name in ("north", "south")]
        seen: list[list[Any]] = [[], []]
        for lane in lanes:
            lane.send()
        for number in range(6):
            for lane, found in zip(lanes, seen, strict=True):
                lane.submit(call(number))
                found.append(info(ends(lane)[0]))
        engine.close()
        for found in seen:
            assert len({(one["pid"], one["before"]) for one in found}) == len({one["pid"] for one in found})

    def test_large_shared_data_is_one_file_for_all_workers(self, spark: SparkContext, slots_of: Any) -> None:
        """Each study has its own file. Workers that start later map it too. It is removed with the study."""
        files = set()
        for total in (1.0, 2.0):
            slots = slots_of("shared_array", parallelism=2, shared_data=np.full(250_000, total / 250_000))
            slots.submit(call(0))
            slots.submit(call(1))
            first = [info(end) for end in ends(slots, 2)]
            slots.submit(call(2, die=True))
            assert isinstance(ends(slots)[0], Lost)
            slots.submit(call(3))
            slots.submit(call(4))
            seen = [*first, *(info(end) for end in ends(slots, 2))]
            assert len({one["file"] for one in seen}) == 1
            file = Path(seen[0]["file"])
            assert file.is_relative_to(spark._temp_dir)
            files.add(file)
            slots.close()
            assert not file.exists()
        assert len(files) == 2

    def test_only_the_trial_that_writes_to_shared_data_fails(self, slots_of: Any) -> None:
        slots = slots_of("shared_array", parallelism=1, shared_data=np.zeros(250_000))
        slots.submit(call(0, write=True))
        (end,) = ends(slots)
        assert isinstance(end, Ended)
        assert end.reply.failure is not None
        assert "change a copy in the objective" in end.reply.failure.message
        slots.submit(call(1))
        (end,) = ends(slots)
        assert isinstance(end, Ended)
        assert end.reply.loss == 0.0

    def test_params_may_have_any_size(self, slots_of: Any) -> None:
        slots = slots_of("size")
        for number, length in enumerate((10, 1_000_000)):
            slots.submit(call(number, text="x" * length))
            assert info(ends(slots)[0])["length"] == length

    def test_the_check_describes_a_worker(self, slots_of: Any) -> None:
        assert slots_of("pid").check().result(PATIENCE_S)["error"] is None
        assert "has no 'pdi'" in slots_of("pdi").check().result(PATIENCE_S)["error"]

    def test_a_waiting_check_reports_it_and_can_be_cancelled(self, slots_of: Any, busy: SparkContext) -> None:
        slots = slots_of("pid")
        check = slots.check()
        assert slots.check_waits
        slots.close()
        assert check.exception(PATIENCE_S) is not None

    @pytest.mark.usefixtures("busy")
    def test_a_running_check_does_not_wait(
        self, slots_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slots = slots_of("pid")
        monkeypatch.setattr(
            "airflow_sparktune.driver.engines.spark_lane.check", lambda *_: hold(tmp_path, 0) or iter(["{}"])
        )
        check = slots.check()
        (tmp_path / "busy" / "enough").touch()
        until = time.monotonic() + PATIENCE_S
        while slots.check_waits and time.monotonic() < until:
            time.sleep(0.05)
        assert not slots.check_waits
        assert not check.done()
        (tmp_path / "enough").touch()
        assert check.result(PATIENCE_S) == {}

    def test_ran_s_ignores_the_wait_and_the_wall_clock(
        self, slots_of: Any, busy: SparkContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slots = slots_of("holds")
        sent = time.monotonic()
        slots.submit(call(0, folder=str(tmp_path)))
        time.sleep(0.5)
        assert slots.ran_s(0) is None
        (tmp_path / "busy" / "enough").touch()
        while slots.ran_s(0) is None:
            assert time.monotonic() < sent + PATIENCE_S
        now = time.time
        monkeypatch.setattr("time.time", lambda: now() - 3_600)
        ran = slots.ran_s(0)
        assert ran is not None
        assert 0 <= ran <= time.monotonic() - sent - 0.4
        time.sleep(0.2)
        assert (slots.ran_s(0) or 0) >= ran + 0.2
        (tmp_path / "enough").touch()
        ends(slots)

    def test_the_loss_of_all_executors_is_logged(
        self, slots_of: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        slots = slots_of("pid")
        slots._empty = Reminder(first_s=0.0)
        assert slots.events(wait_s=0) == []
        assert caplog.records == []
        monkeypatch.setattr("airflow_sparktune.driver.spark.context.cluster_slots", lambda *_: 0)
        assert slots.capacity == 0
        slots.events(wait_s=0)
        assert "no executor for 0 s" in caplog.text

    def test_an_objective_sees_only_its_own_children(self, slots_of: Any) -> None:
        slots = slots_of("waits_for_all_its_children")
        slots.submit(call(0))
        (end,) = ends(slots)
        assert end.reply is not None
        assert end.reply.loss == 0.0


class TestEndings:
    def test_cancelling_ends_only_that_trial_and_its_worker(self, slots_of: Any, tmp_path: Path) -> None:
        slots = slots_of("sleeps")
        (tmp_path / "one").mkdir()
        (tmp_path / "other").mkdir()
        slots.submit(call(1, folder=str(tmp_path / "one")))
        slots.submit(call(2, folder=str(tmp_path / "other"), s=1.0))
        (worker,) = pids(tmp_path / "one")
        slots.cancel(1)
        found = {item.number: item for item in ends(slots, 2)}
        assert isinstance(found[1], Lost)
        assert found[2].reply is not None
        assert alive([worker]) == []

    def test_a_trial_cancelled_before_its_job_does_not_start(self, slots_of: Any, tmp_path: Path) -> None:
        slots = slots_of("sleeps")
        slots.cancel(1)
        slots.submit(call(1, folder=str(tmp_path)))
        assert isinstance(ends(slots)[0], Lost)
        assert list(tmp_path.iterdir()) == []

    def test_os_exit_is_reported_as_a_lost_worker_in_one_line(self, slots_of: Any) -> None:
        slots = slots_of("exits")
        slots.submit(call(0))
        (end,) = ends(slots)
        assert isinstance(end, Lost)
        assert "Python worker exited unexpectedly" in end.reason
        assert "\n" not in end.reason
        slots.submit(call(1, die=False))
        assert isinstance(ends(slots)[0], Ended)

    def test_a_jvm_lost_before_the_job_is_a_lost_driver(
        self, slots_of: Any, spark: SparkContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slots = slots_of("pid")

        def gone(*_: Any) -> None:
            raise Py4JNetworkError("Answer from Java side is empty")

        monkeypatch.setattr(spark, "setLocalProperty", gone)
        slots.submit(call(0))
        with pytest.raises(DriverLost, match="the JVM of the driver is gone"):
            ends(slots)

    def test_a_lost_worker_does_not_affect_other_trials(self, slots_of: Any, tmp_path: Path) -> None:
        slots = slots_of("waits_or_exits")
        slots.submit(call(0, folder=str(tmp_path)))
        pids(tmp_path)
        slots.submit(call(1, die=True))
        assert isinstance(ends(slots)[0], Lost)
        (tmp_path / "go").touch()
        assert isinstance(ends(slots)[0], Ended)

    @pytest.mark.parametrize("then", ["sleep", "exit"])
    def test_children_of_an_interrupted_trial_are_killed(
        self, slots_of: Any, tmp_path: Path, then: str
    ) -> None:
        slots = slots_of("has_children")
        slots.submit(call(0, folder=str(tmp_path), then=then, loky=True))
        family = pids(tmp_path)
        assert len(family) == 8
        if then == "sleep":
            assert alive(family, after_s=0) == family
            slots.cancel(0)
        assert isinstance(ends(slots)[0], Lost)
        assert alive(family) == []

    def test_children_of_an_ended_trial_stay_with_their_worker(self, slots_of: Any, tmp_path: Path) -> None:
        """joblib keeps its processes for the next call."""
        slots = slots_of("has_children")
        slots.submit(call(0, folder=str(tmp_path), then="return"))
        assert isinstance(ends(slots)[0], Ended)
        family = pids(tmp_path)
        assert alive(family, after_s=0) == family
        psutil.Process(family[0]).kill()
        assert alive(family) == []
        slots.submit(call(1, folder=str(tmp_path), then="return"))
        ends(slots)  # Spark 3.5 may still use the dead worker: it gets this trial, not one of another test


class TestHostileObjectives:
    """An objective that replaces attributes of Python's modules affects only its own trial."""

    @pytest.mark.parametrize("way", ["json", "nan", "backwards"])
    def test_a_replaced_function_affects_no_other_trial(self, slots_of: Any, way: str) -> None:
        slots = slots_of("hostile", parallelism=1)
        for number in range(2):
            slots.submit(call(number, way=way))
            (end,) = ends(slots)
            assert isinstance(end, Ended)
            assert end.reply.loss == 0.5
            assert 0 <= end.reply.run_s < PATIENCE_S


class TestOnTheDriver:
    def test_only_the_cancelled_trial_is_interrupted(self, spark: SparkContext) -> None:
        engine = DriverEngine(lambda: spark)
        engine.start()
        slots = engine.lane(Work(objective=lambda: ImportedObjective(f"{HERE}:spins", {})))
        slots.prepare(Patience())
        assert slots.capacity == 1
        for number in range(0, 20, 2):
            slots.submit(call(number, spin=True))
            slots.cancel(number)
            slots.submit(call(number + 1, spin=False))
        slots.submit(call(20, spin=True))
        time.sleep(0.2)
        slots.cancel(20)
        found = ends(slots, 21)
        replies = {item.number: item.reply for item in found if isinstance(item, Ended)}
        assert sorted(replies) == list(range(1, 20, 2))
        assert all(reply.failure is None for reply in replies.values())
        # Each cancelled trial is reported once, although its thread ends later.
        assert sorted(item.number for item in found if isinstance(item, Lost)) == list(range(0, 21, 2))
        slots.close()


class Given(PlainSampler):
    """Suggests the params that the test gives for each trial."""

    def __init__(self, params: Callable[[int], Any]) -> None:
        super().__init__()
        self._params = params

    def ask(self, number: int, *, seed: int) -> Suggestion:
        return Suggestion({"x": number}, self._params(number))


class TestResources:
    def test_a_profile_that_the_master_does_not_support_is_refused(self, spark: SparkContext) -> None:
        engine = SparkEngine(lambda: spark)
        engine.start()
        profile = ResourceProfileBuilder().require(TaskResourceRequests().cpus(2)).build
        work = Work(objective=lambda: ImportedObjective(f"{HERE}:pid", {}))
        with pytest.raises(PlatformError, match="resource_profile must be one that this cluster supports"):
            SparkLane(engine, work, profile=profile)

    def test_executors_that_no_trial_fits_are_refused(
        self, slots_of: Any, busy: SparkContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Spark would let the first job wait for ever."""
        slots, found = slots_of("pid"), executors(busy)
        assert [(each.cores, each.slots) for each in found] == [(2, 2)]
        small = [replace(each, slots=0) for each in found]
        monkeypatch.setattr("airflow_sparktune.driver.spark.executors.executors", lambda _: small)
        with pytest.raises(PlatformError, match=r"got at most 2 cores and spark\.task\.cpus 1; give"):
            slots.prepare(Patience())


class TestTheTunerOnSpark:
    def test_trial_timeout_ends_the_worker(self, slots_of: Any, tmp_path: Path) -> None:
        world = World(clock=time.monotonic)  # type: ignore[arg-type]
        folders = [tmp_path / "0", tmp_path / "1"]
        for folder in folders:
            folder.mkdir()
        sampler = Given(lambda number: {"folder": str(folders[number]), "s": 0 if number else 60})
        slots = slots_of("sleeps", parallelism=1)
        world.attempt(slots=slots, sampler=sampler, max_evals=2, limits={"trial_timeout": 3.0})
        error = world.trials[0].error
        assert error is not None
        assert error.kind is FailureKind.TIMEOUT
        assert world.trials[1].state is TrialState.OK
        assert alive(pids(folders[0])) == []

    def test_trial_timeout_excludes_the_wait_inside_spark(self, slots_of: Any, tmp_path: Path) -> None:
        world = World(clock=time.monotonic)  # type: ignore[arg-type]
        for number in range(6):
            (tmp_path / str(number)).mkdir()
        sampler = Given(lambda number: {"folder": str(tmp_path / str(number)), "s": 1.5})
        # Three rounds on two slots: the last trials wait for three seconds.
        world.attempt(
            slots=slots_of("sleeps", parallelism=6), sampler=sampler, max_evals=6, limits={"trial_timeout": 3}
        )
        assert world.numbers(TrialState.OK) == [0, 1, 2, 3, 4, 5]

    def test_a_repeatedly_lost_worker_is_a_failure_of_kind_lost(self, slots_of: Any) -> None:
        world = World(clock=time.monotonic)  # type: ignore[arg-type]
        sampler = Given(lambda number: {"die": number == 0})
        world.attempt(slots=slots_of("exits"), sampler=sampler, max_evals=2, limits={"max_trial_retries": 1})
        error = world.trials[0].error
        assert error is not None
        assert error.kind is FailureKind.LOST
        assert world.trials[0].tries == 2
        assert world.trials[1].state is TrialState.OK


class TestReports:
    """The pruner stops every second trial at its third report."""

    @pytest.mark.parametrize("on", ["executors", "driver"])
    def test_trials_are_pruned_and_keep_their_worker(self, spark: SparkContext, on: str) -> None:
        """A pruned trial ends by itself: the next one runs in the same worker."""
        world = World(clock=time.monotonic)  # type: ignore[arg-type]
        task = ImportedObjective(f"{HERE}:learns", {})
        with closing(
            SparkEngine(lambda: spark) if on == "executors" else DriverEngine(lambda: spark)
        ) as engine:
            engine.start()
            lane = engine.lane(Work(objective=lambda: task, parallelism=1))
            lane.prepare(Patience())
            world.attempt(
                slots=lane,  # type: ignore[arg-type]
                sampler=PlainSampler(),
                max_evals=8,
                pruner="tests.driver.tuner.test_pruning:AtThree",
            )
        study = world.storage.study()
        assert world.numbers(TrialState.PRUNED) == [1, 3, 5, 7]
        assert [len(study.curves[number].steps) for number in range(8)] == [10, 3] * 4
        assert study.curves[1].rows()[-1] == {"step": 3, "loss": 1 / 3, "metrics": {"accuracy": 0.3}}
        assert len({study.trials[number].info["pid"] for number in (0, 2, 4, 6)}) <= 2


class TestSettings:
    def test_spark_does_not_retry_trials_on_executors(self, spark: SparkContext) -> None:
        assert spark.getConf().get("spark.task.maxFailures") == "1"
        assert spark.getConf().get("spark.python.worker.reuse") == "true"

    def test_the_session_is_reused(self, spark: SparkContext) -> None:
        assert start_session("again").sparkContext is spark
