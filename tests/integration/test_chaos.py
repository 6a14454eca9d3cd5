"""After a kill of any process at any moment, each finished trial exists once, and no process remains."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower, read_study
from airflow_sparktune.study.stopping import StopReason, rules_of
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialState
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock
from tests.driver.world import MemoryStorage, World, by_x
from tests.integration.chaos import OBJECTIVE, ended, goes_on_from, kill_driver, kill_jvm
from tests.integration.chaos_driver import EveryThird
from tests.integration.driver_process import DriverProcess

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SEED = 11


class TestAnEngineWithoutSpark:
    """It starts quickly, so it can be killed often; the journal is on a real disk."""

    @pytest.mark.parametrize("slots", [1, 4])
    def test_killed_at_random_moments(self, tmp_path: Path, slots: int) -> None:
        kill_often(tmp_path, slots=slots, max_evals=120, kills=12, rng=random.Random(slots))

    @pytest.mark.soak
    @pytest.mark.timeout(3_600)
    @pytest.mark.parametrize("slots", [1, 2, 16])
    def test_killed_at_random_moments_for_long(self, tmp_path: Path, slots: int) -> None:
        kill_often(tmp_path, slots=slots, max_evals=2_000, kills=300, rng=random.Random())


def kill_often(folder: Path, *, slots: int, max_evals: int, kills: int, rng: random.Random) -> None:
    """Kill drivers of a study whose trials report five steps; every third is pruned at the second."""
    arguments = [str(folder), str(slots), str(max_evals), "0", "0.004", "5"]
    command = [sys.executable, "-m", "tests.integration.chaos_driver", *arguments]
    known = Study()
    for attempt in range(1, kills + 1):
        process = subprocess.Popen(command, cwd=ROOT)
        while process.poll() is None and len(read_study(str(folder)).study.attempts) < attempt:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.08))
        process.kill()
        process.wait()
        known = goes_on_from(known, folder)
    subprocess.run(command, check=True, timeout=120)
    study = goes_on_from(known, folder)
    assert study.closed is not None
    assert study.closed.reason is StopReason.MAX_EVALS
    assert len(ended(study)) == len(study.trials) == max_evals
    assert sorted(study.trials) == list(range(max_evals))
    pruned = {number for number, trial in study.trials.items() if trial.state is TrialState.PRUNED}
    assert pruned == set(range(2, max_evals, 3))
    assert {number: curve.steps for number, curve in study.curves.items()} == {
        number: [1, 2] if number in pruned else [1, 2, 3, 4, 5] for number in range(max_evals)
    }
    if slots == 1:
        quiet = World()
        quiet.attempt(reports_five, max_evals=max_evals, pruner=f"{EveryThird.__module__}:EveryThird")
        assert [study.trials[number].params for number in range(max_evals)] == quiet.params


def reports_five(call: Call) -> Ending:
    return Ending(6.0, reply=by_x(call).reply, curve=[1 / step for step in range(1, 6)])


Start = Callable[..., DriverProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a driver on the test's study folder."""
    started: list[DriverProcess] = []

    def begin(*, in_a_task: bool = False, **given: Any) -> DriverProcess:
        work = tmp_path / f"work{len(started)}"
        code = {"chaos_objective.py": OBJECTIVE}
        driver = DriverProcess(tmp_path / "study", work, spec(**given), code=code, in_a_task=in_a_task)
        started.append(driver)
        return driver

    yield begin
    for driver in started:
        driver.end()


def spec(**given: Any) -> Spec:
    space = {"x": {"uniform": [0, 1]}}
    defaults = {"max_evals": 20, "parallelism": 1, "seed": SEED, "limits": {"max_trial_retries": 0}}
    return Spec.of(objective="chaos_objective:loss", space=space, **{**defaults, **given})


def uninterrupted(asked: Spec) -> list[Any]:
    """Return the params of the same study without Spark and without a kill."""
    clock, storage = VirtualClock(), MemoryStorage()
    sampler = sampler_of(asked.space, asked.algo)
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=asked, seed=SEED, dimensions=(), take_over=False, wall=clock
    )
    slots = SimulatedLane(clock, lambda call: Ending.ok((call.params["x"] - 0.3) ** 2), capacity=1)
    Tuner(
        recorder=recorder,
        sampler=sampler,
        lane=slots,
        rules=StoppingRules(rules_of(asked), ran_s=0.0, clock=clock),
        clock=clock,
    ).run()
    return [trial.params for trial in storage.study().trials.values()]


class TestOnSpark:
    def test_a_study_continues_after_any_kill(self, start: Start) -> None:
        """The driver gets SIGKILL, then the JVM, then the driver SIGTERM, each during a trial."""
        known = Study()
        for attempt, kill in enumerate((kill_driver, kill_jvm, terminate_driver), start=1):
            process = start()
            running = process.wait_until(lambda study, attempt=attempt: in_a_trial(study, attempt, 3))
            kill(process)
            process.wait()
            assert process.left() == []
            known = goes_on_from(known, process.study)
            goes_on_from(running, process.study)
            assert {trial.state for trial in known.trials.values()} == {TrialState.OK, TrialState.RUNNING}
            was_told = known.closed is not None and known.closed.reason is StopReason.KILLED
            assert was_told is (kill is terminate_driver)
        last = start()
        assert last.wait() == 0, last.log
        assert last.left() == []
        study = goes_on_from(known, last.study)
        assert len(ended(study)) == len(study.trials) == 20
        assert [study.trials[number].params for number in range(20)] == uninterrupted(spec())

    def test_a_killed_task_leaves_nothing(self, start: Start) -> None:
        process = start(in_a_task=True)
        process.wait_until(lambda study: in_a_trial(study, 1, 1))
        process.submit.kill()
        assert process.left() == []
        assert not process.work.exists()

    def test_the_older_of_two_drivers_stops(self, start: Start) -> None:
        older = start(parallelism=2, max_evals=100_000)
        older.wait_until(lambda study: in_a_trial(study, 1, 2))
        newer = start(parallelism=2, max_evals=100_000)
        newer.wait_until(lambda study: in_a_trial(study, 2, 1))
        assert older.wait() == 1
        assert "attempt 1 must not write to the study any more: attempt 2" in older.log
        assert older.left() == []
        seen = newer.wait_until(lambda study: in_a_trial(study, 2, 6))
        newer.driver.terminate()
        newer.wait()
        study = goes_on_from(seen, newer.study)
        assert [attempt.number for attempt in study.attempts] == [1, 2]
        assert sorted(study.trials) == list(range(len(study.trials)))
        # The newer attempt has run the trials again that the older one was running.
        assert all(trial.counts for trial in study.trials.values() if trial.attempt == 1)


def in_a_trial(study: Study, attempt: int, finished: int) -> bool:
    """Return whether the attempt has finished that many trials and runs another."""
    own = [trial for trial in study.trials.values() if trial.attempt == attempt]
    return sum(trial.counts for trial in own) >= finished and any(not trial.counts for trial in own)


def terminate_driver(process: DriverProcess) -> None:
    process.driver.terminate()
