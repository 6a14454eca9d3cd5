"""After kills at any moment, an application of many segments ends as if there had been none."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.journal.events import Decided
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialPurpose, TrialState
from tests.integration.chaos import (
    OBJECTIVE,
    goes_on_from,
    kill_driver,
    kill_family,
    kill_jvm,
    kill_workers,
)
from tests.integration.chaos_segments import MAX_EVALS, REPEATS, put_champions, root_of, segments_at
from tests.integration.driver_process import PATIENCE_S, DriverProcess
from tests.soak.watching import events_of

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SEGMENTS = 20
# Long enough that the application does not end before its last kill.
TRIAL_S = 0.5


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Return the address of an application whose segments have champions."""
    found = tmp_path / "run" / "g0"
    found.mkdir(parents=True)
    put_champions(str(found), segments_at(str(found), SEGMENTS).names)
    return str(found)


class TestWithoutSpark:
    def test_killed_ten_times(self, address: str) -> None:
        """No finished trial is lost, every budget is exact, and each decision is made once."""
        chance = random.Random(20)
        command = [sys.executable, "-m", "tests.integration.chaos_segments", address, str(SEGMENTS), "4"]
        known = dict.fromkeys(segments_at(address, SEGMENTS).names, Study())
        for _ in range(10):
            process = subprocess.Popen(command, cwd=ROOT)
            before = trials_of(known)
            while process.poll() is None and trials_of(folders_of(address, [*known])) < before + 12:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            process.wait()
            known = go_on_from(known, address)
        subprocess.run(command, check=True, timeout=120)
        check_ends(known, address)


Start = Callable[[], DriverProcess]


@pytest.fixture
def start(address: str, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a driver on the application."""
    started: list[DriverProcess] = []
    segments = segments_at(
        address, SEGMENTS, objective="chaos_objective:loss", objective_kwargs={"seconds": TRIAL_S}
    )

    def begin() -> DriverProcess:
        work, code = tmp_path / f"work{len(started)}", {"chaos_objective.py": OBJECTIVE}
        driver = DriverProcess(Path(address), work, segments, code=code, master="local[4]")
        started.append(driver)
        return driver

    yield begin
    for driver in started:
        driver.end()


class TestOnSpark:
    """The figures of a run are in its output (pytest -s)."""

    @pytest.mark.soak
    @pytest.mark.timeout(3_600)
    @pytest.mark.parametrize("seed", [1, 2])
    def test_killed_ten_times(self, address: str, start: Start, seed: int) -> None:
        """Workers get SIGKILL, or the driver does with or without its family, and is started again."""
        began, chance = time.monotonic(), random.Random(seed)
        known = dict.fromkeys(segments_at(address, SEGMENTS).names, Study())
        kills = [kill_family, kill_family, kill_family, kill_driver, kill_jvm, *[kill_workers] * 5]
        chance.shuffle(kills)
        process: DriverProcess | None = None
        for kill in kills:
            process = process or start()
            if kill is kill_family and chance.random() < 0.5:
                time.sleep(chance.uniform(0, 6))  # it may still be starting
            else:
                wait_for_trials(process, address, [*known], trials_of(known) + chance.randint(1, 16))
                time.sleep(chance.uniform(0, 1))
            assert process.submit.poll() is None, process.log
            known = go_on_from(known, address)
            kill(process)
            told = f"{kill.__name__} after {trials_of(known)} trials"
            print(f"{time.monotonic() - began:.0f} s: {told}")  # noqa: T201
            if kill is not kill_workers:
                process.wait()
                assert process.left() == []
                process = None
            known = go_on_from(known, address)
        process = process or start()
        assert process.wait() == 0, process.log
        assert process.left() == []
        trials = trials_of(check_ends(known, address))
        print(f"{time.monotonic() - began:.0f} s: {len(kills)} kills, {trials} trials")  # noqa: T201


def wait_for_trials(process: DriverProcess, address: str, names: Sequence[str], least: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while trials_of(folders_of(address, names)) < least:
        assert process.submit.poll() is None, process.log
        assert time.monotonic() < until, process.log
        time.sleep(0.2)


def check_ends(known: Mapping[str, Study], address: str) -> dict[str, Study]:
    """Return the studies at the end of the application."""
    studies = go_on_from(known, address)
    for name, study in studies.items():
        assert {trial.state for trial in study.trials.values()} == {TrialState.OK}
        assert [trial.number for trial in study.searched] == list(range(MAX_EVALS))
        repeats = [trial for trial in study.trials.values() if trial.purpose is TrialPurpose.CONFIRM]
        assert len(repeats) == 2 * REPEATS
        decided = [each for each in events_of(address_of(address, name)) if isinstance(each, Decided)]
        assert [each.decision for each in decided] == [study.decision]
        entries = Champions(root_of(address), name).history()
        assert len(entries) == 2
        assert {entry.action for entry in entries} <= {Action.FIRST, Action.REPLACED, Action.KEPT}
    return studies


def go_on_from(known: Mapping[str, Study], address: str) -> dict[str, Study]:
    return {name: goes_on_from(study, Path(address_of(address, name))) for name, study in known.items()}


def folders_of(address: str, names: Sequence[str]) -> dict[str, Study]:
    return {name: read_study(address_of(address, name)).study for name in names}


def trials_of(studies: Mapping[str, Study]) -> int:
    """Return the number of finished trials and repeats."""
    return sum(len(study.ended_trials) for study in studies.values())
