"""The phase of a study follows from its journal, the clock and Airflow's task state."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.phase import AHEAD_S, SILENT_S, SILENT_STARTING_S, Phase, phase_of, stage_of
from airflow_sparktune.study.study import Study
from tests.dashboard.helpers.synthetic import Writer


def study(tmp_path: Path, *, trials: int = 0, close: str | None = None, **facts: object) -> Study:
    writer = Writer(str(tmp_path))
    writer.now = 1000.0
    writer.open()
    writer.run(trials)
    if close:
        writer.close(close, **facts)
    return read_study(str(tmp_path)).study


def test_a_study_without_a_driver_is_waiting() -> None:
    assert phase_of(Study(), now=0.0) is Phase.WAITING
    assert stage_of(Study(), Phase.WAITING) == "waiting for Spark"


def test_a_study_without_a_trial_is_starting(tmp_path: Path) -> None:
    assert phase_of(study(tmp_path), now=1010.0) is Phase.STARTING


@pytest.mark.parametrize(
    ("silent_s", "phase"), [(SILENT_STARTING_S - 5, Phase.STARTING), (SILENT_STARTING_S + 5, Phase.LOST)]
)
def test_before_its_first_trial_a_driver_may_be_silent_for_longer(
    tmp_path: Path, silent_s: float, phase: Phase
) -> None:
    """It may load gigabytes of shared data, and writes nothing meanwhile."""
    found = study(tmp_path)

    assert phase_of(found, now=found.attempts[-1].last + silent_s) is phase


def test_a_second_attempt_is_starting_too(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path))
    writer.open()
    writer.run(3)
    again = Writer(str(tmp_path), attempt=2)
    again.open(takes=[[writer.stream.stream, writer.stream.events]])

    assert phase_of(read_study(str(tmp_path)).study, now=again.now) is Phase.STARTING


@pytest.mark.parametrize(
    ("silent_s", "task_state", "phase"),
    [
        (0, None, Phase.RUNNING),
        (SILENT_S - 5, "running", Phase.RUNNING),
        (SILENT_S + 5, "running", Phase.LOST),
        (SILENT_S + 5, None, Phase.LOST),
        (-AHEAD_S + 60, None, Phase.RUNNING),
        # The driver died an hour ago; its clock was two hours ahead.
        (-3_600, None, Phase.LOST),
        (0, "failed", Phase.LOST),
        (0, "up_for_retry", Phase.LOST),
        # The driver of a prepared study runs after the task that has prepared it.
        (0, "success", Phase.RUNNING),
        (SILENT_S + 5, "success", Phase.LOST),
    ],
)
def test_a_silent_driver_or_an_ended_task_means_lost(
    tmp_path: Path, silent_s: float, task_state: str | None, phase: Phase
) -> None:
    found = study(tmp_path, trials=3)

    assert phase_of(found, now=found.attempts[-1].last + silent_s, task_state=task_state) is phase


@pytest.mark.parametrize("close", [None, "killed", "error"])
@pytest.mark.parametrize(
    ("task_state", "later_s", "waits"),
    [
        ("scheduled", 1.0, True),
        ("queued", 1.0, True),
        ("running", 1.0, True),
        ("deferred", 1.0, True),
        ("running", -1.0, False),  # the driver has written in this try
        ("up_for_retry", 1.0, False),
        ("failed", 1.0, False),
    ],
)
def test_a_study_between_two_tries_waits_for_the_next_driver(
    tmp_path: Path, close: str | None, task_state: str, later_s: float, *, waits: bool
) -> None:
    """The driver of the try before wrote a moment ago, and its journal ends in any way without a result."""
    found = study(tmp_path, trials=3, close=close, **({"error": ERROR} if close == "error" else {}))
    last = found.attempts[-1].last

    phase = phase_of(found, now=last + 2.0, task_state=task_state, task_since=last + later_s)

    assert (phase is Phase.WAITING) is waits
    assert stage_of(found, phase) == ("waiting for the driver of the task's next try" if waits else None)


def test_a_result_stands_while_its_task_runs_again(tmp_path: Path) -> None:
    found = study(tmp_path, trials=3, close="max_evals")
    assert phase_of(found, now=1e9, task_state="queued", task_since=1e9) is Phase.DONE


ERROR = {"type": "ObjectiveError", "message": "no", "retryable": False, "traceback": None}


@pytest.mark.parametrize(
    ("reason", "facts", "phase"),
    [
        ("max_evals", {}, Phase.DONE),
        ("killed", {}, Phase.KILLED),
        ("error", {"error": ERROR}, Phase.FAILED),
        ("timeout", {"error": ERROR}, Phase.FAILED),
    ],
)
def test_a_closed_study_shows_how_it_ended(
    tmp_path: Path, reason: str, facts: dict[str, object], phase: Phase
) -> None:
    assert phase_of(study(tmp_path, trials=3, close=reason, **facts), now=1e9, task_state="failed") is phase
