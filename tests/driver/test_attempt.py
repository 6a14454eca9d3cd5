"""One attempt at a study on a real Spark with two local slots."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext

from airflow_sparktune.driver.spec_plan import DONE, FAILED, run_spec
from airflow_sparktune.driver.termination import KILLED
from airflow_sparktune.errors import revive
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Alive
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.journal.writer import StreamWriter
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialOrigin, TrialState

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("spark")]

HERE = "tests.driver.spark_objectives"
PATIENCE_S = 30.0


def spec(**given: Any) -> Spec:
    defaults = {"objective": f"{HERE}:echo", "max_evals": 4, "algo": "random", "seed": 5}
    return Spec.of(**{**defaults, "space": {"x": {"uniform": [0, 1]}}, **given})


@contextmanager
def beside(what: Callable[[], None], *, once: Callable[[], bool]) -> Iterator[None]:
    """Call `what` in another thread as soon as `once` is true; join the thread at the end."""

    def watch() -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if once():
                what()
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()


def attempt(folder: Path, **given: Any) -> int:
    return run_spec(LocalStorage(folder), str(folder), spec(**given))


def study(folder: Path) -> Study:
    follower = read_study(str(folder))
    assert follower.problems == []
    return follower.study


def verdict(folder: Path) -> Exception:
    closed = study(folder).closed
    assert closed is not None
    assert closed.reason is StopReason.ERROR
    assert closed.error is not None
    return revive(closed.error)


def killed(folder: Path) -> bool:
    closed = study(folder).closed
    return closed is not None and closed.reason is StopReason.KILLED


def test_a_study_to_its_end(tmp_path: Path, spark: SparkContext) -> None:
    assert attempt(tmp_path) == DONE
    found = study(tmp_path)
    assert found.closed is not None
    assert found.closed.reason is StopReason.MAX_EVALS
    assert found.timing.keys() == {"prepare_s", "ask_s", "journal_s", "wait_s"}
    assert found.slots == 2
    assert found.best is not None
    assert found.best.loss == min(trial.params["x"] for trial in found.trials.values())
    assert found.attempts[0].spark is not None
    assert found.attempts[0].spark.application == spark.applicationId
    assert [row["label"] for row in found.dimensions] == ["x"]


def test_a_higher_limit_continues_with_the_drawn_seed(tmp_path: Path) -> None:
    assert attempt(tmp_path, seed=None) == DONE
    first = study(tmp_path)
    assert attempt(tmp_path, seed=None, max_evals=7) == DONE
    found = study(tmp_path)
    assert found.seed == first.seed
    assert len(found.trials) == 7
    assert {number: found.trials[number] for number in first.trials} == first.trials


def test_another_space_starts_over_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert attempt(tmp_path) == DONE
    with caplog.at_level(logging.WARNING):
        assert attempt(tmp_path, space={"x": {"uniform": [5, 6]}}) == DONE
    assert "(space changed), so this one starts over" in caplog.text
    found = study(tmp_path)
    assert len(found.trials) == 4
    assert all(trial.params["x"] >= 5 for trial in found.trials.values())


def test_a_study_cleared_before_its_result_is_taken_over(tmp_path: Path) -> None:
    """The trials of g0, whose driver was killed, are the first trials of g1."""
    older, newer = tmp_path / "g0", tmp_path / "g1"
    assert attempt(older) == DONE
    for chunk in (older / "attempts").glob("*/*"):  # simulate a driver that was killed before the end
        events = [json.loads(line) for line in chunk.read_text().splitlines()]
        kept = [json.dumps(event) for event in events if event["event"] != "closed"]
        chunk.unlink()
        chunk.with_name(f"00000001-{len(kept):08d}.jsonl").write_text("\n".join(kept) + "\n")
    assert attempt(newer, max_evals=6) == DONE
    found = study(newer)
    assert len(found.trials) == 6
    for number, trial in study(older).trials.items():
        assert found.trials[number] == replace(trial, origin=TrialOrigin.ADOPTED)


def test_a_missing_objective_has_a_short_error(tmp_path: Path) -> None:
    assert attempt(tmp_path, objective=f"{HERE}:ehco") == FAILED
    error = verdict(tmp_path)
    assert re.search("must exist, but .* has no 'ehco'; check the spelling", str(error))
    assert not error.retryable  # type: ignore[attr-defined]
    assert study(tmp_path).trials == {}


def test_a_missing_space(tmp_path: Path) -> None:
    assert attempt(tmp_path, space=f"{HERE}:SPACE") == FAILED
    assert "has no 'SPACE'" in str(verdict(tmp_path))


def test_the_error_has_the_first_traceback_if_all_trials_fail(tmp_path: Path) -> None:
    assert attempt(tmp_path, objective=f"{HERE}:broken", max_evals=100) == FAILED
    message = str(verdict(tmp_path))
    assert "all 5 that ended have failed" in message or "all 6 that ended have failed" in message
    assert "ValueError: the data is not there" in message
    assert "spark_objectives.py" in message
    assert TrialState.RUNNING not in {trial.state for trial in study(tmp_path).trials.values()}


def test_an_exhausted_algorithm_ends_the_study_with_its_result(tmp_path: Path) -> None:
    assert attempt(tmp_path, algo=f"{HERE}:three", max_evals=10) == DONE
    found = study(tmp_path)
    assert found.closed is not None
    assert found.closed.reason is StopReason.EARLY_STOP
    assert (found.finished, found.result_stands) == (3, True)


def test_an_algorithm_without_any_suggestion(tmp_path: Path) -> None:
    assert attempt(tmp_path, algo=f"{HERE}:nothing") == FAILED
    assert "none of 0 did before the study ended (stopped early" in str(verdict(tmp_path))


def test_shared_data_is_loaded_once(tmp_path: Path) -> None:
    assert attempt(tmp_path, objective=f"{HERE}:shared", execution={"shared_data": f"{HERE}:numbers"}) == DONE
    assert {trial.info["sum"] for trial in study(tmp_path).trials.values()} == {45}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NUMBER", "shared_data .* must be a function that returns the data, got int"),
        ("gives_up", "must return the data, but it exited: no data"),
        ("numbres", "has no 'numbres'"),
    ],
)
def test_shared_data_that_cannot_be_loaded(tmp_path: Path, name: str, message: str) -> None:
    assert (
        attempt(tmp_path, objective=f"{HERE}:shared", execution={"shared_data": f"{HERE}:{name}"}) == FAILED
    )
    assert re.search(message, str(verdict(tmp_path)))


@pytest.mark.parametrize("where", ["executors", "driver"])
def test_a_killed_driver_starts_no_more_trials_and_records_it(tmp_path: Path, where: str) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    code = attempt(
        tmp_path / "study",
        objective=f"{HERE}:leaves_a_file",
        objective_kwargs={"folder": str(begun)},
        algo=f"{HERE}:terminated_at_the_third",
        execution={"run_trials_on": where},
    )
    assert code == KILLED
    assert killed(tmp_path / "study")
    assert study(tmp_path / "study").trials[2].state is TrialState.RUNNING
    assert {path.name for path in begun.iterdir()} <= {"0", "1"}


@pytest.mark.parametrize("data", ["terminated", "terminated_and_lost", "terminated_and_told_otherwise"])
def test_killed_before_the_first_trial(tmp_path: Path, data: str) -> None:
    assert (
        attempt(tmp_path, objective=f"{HERE}:shared", execution={"shared_data": f"{HERE}:{data}"}) == KILLED
    )
    assert killed(tmp_path)
    assert study(tmp_path).finished == 0


def test_killed_while_waiting_for_an_executor(tmp_path: Path, busy: SparkContext) -> None:
    def waits() -> bool:
        return len(busy.statusTracker().getActiveJobsIds()) >= 2

    with beside(lambda: os.kill(os.getpid(), signal.SIGTERM), once=waits):
        assert attempt(tmp_path / "study") == KILLED
    assert killed(tmp_path / "study")


@pytest.mark.usefixtures("busy")
def test_killed_before_waiting_for_an_executor(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    given = {"objective": f"{HERE}:shared", "execution": {"shared_data": f"{HERE}:terminated_and_lost"}}
    assert attempt(folder, **given) == KILLED
    assert killed(folder)


def test_a_newer_attempt_ends_the_wait_for_an_executor(
    tmp_path: Path, busy: SparkContext, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "study"

    def waits() -> bool:
        return any(each.spark for each in read_study(str(folder)).study.attempts)

    def take_over() -> None:
        newer = StreamWriter(LocalStorage(folder), 2)
        newer.append(Alive(at=0.0))
        newer.commit()

    with beside(take_over, once=waits):
        assert attempt(folder) == FAILED
    assert "attempt 2" in caplog.text


def test_no_executor_within_the_studys_timeout(tmp_path: Path, busy: SparkContext) -> None:
    assert attempt(tmp_path / "study", timeout=1.0) == FAILED
    error = verdict(tmp_path / "study")
    assert re.search(r"timeout \(1 s\), but no executor has started the first job", str(error))
    assert not error.retryable  # type: ignore[attr-defined]


def test_a_study_with_nothing_left_to_run_needs_no_executor(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A driver may be killed after the end of its last trial, but before it has closed the study."""
    folder = tmp_path / "study"
    assert attempt(folder) == DONE
    request.getfixturevalue("busy")
    assert attempt(folder) == DONE
    assert study(folder).finished == 4


def test_an_earlier_result_stands_if_no_executor_starts(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "study"
    assert attempt(folder) == DONE
    request.getfixturevalue("busy")
    assert attempt(folder, max_evals=8, timeout=study(folder).elapsed_s + 1.0) == DONE
    found = study(folder)
    assert found.closed is not None
    assert found.closed.reason is StopReason.TIMEOUT
    assert found.finished == 4


def test_trials_on_the_driver(tmp_path: Path) -> None:
    assert attempt(tmp_path, objective=f"{HERE}:uses_spark", execution={"run_trials_on": "driver"}) == DONE
    found = study(tmp_path)
    assert found.slots == 1
    assert {trial.info["rows"] for trial in found.trials.values()} == {100}


def test_more_parallelism_than_slots_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert attempt(tmp_path, parallelism=3) == DONE
    assert "parallelism 3 is more than the 2 task slots" in caplog.text
    assert study(tmp_path).slots == 2


def test_shared_data_that_cannot_be_pickled(tmp_path: Path) -> None:
    assert (
        attempt(tmp_path, objective=f"{HERE}:shared", execution={"shared_data": f"{HERE}:locked"}) == FAILED
    )
    error = verdict(tmp_path)
    assert re.search(r"shared_data must return a picklable value.*lock", str(error))
    assert not error.retryable  # type: ignore[attr-defined]
