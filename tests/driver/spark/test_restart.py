"""YARN starts a failed driver again: it continues its study, unless nothing is left to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.driver import main
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.spark.restart import has_ended
from airflow_sparktune.errors import DriverLost, ObjectiveError, describe
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.journal.follow import read_whole
from airflow_sparktune.study.segments import Segments, write_segments
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from tests.driver.world import spec

OURS, ANOTHER = "application_1410901177871_0001", "application_1410901177871_0002"


def attempt(address: Path, application: str) -> Recorder:
    """Open an attempt of an application, which has finished one more trial."""
    storage = open_storage(str(address))
    recorder = Recorder.open(storage, read_whole(storage), spec=spec(), seed=1, dimensions=(), take_over=True)
    recorder.spark(application=application, master="yarn", ui=None, history=None)
    number = recorder.study.finished
    trial = Trial(number=number, params={"x": 0}, point={"x": 0}, start=recorder.now)
    recorder.trial(trial.ended(TrialState.OK, end=recorder.now, loss=0.0))
    recorder.commit()
    return recorder


def study(address: Path) -> Study:
    return read_whole(open_storage(str(address))).study


def close(recorder: Recorder, reason: StopReason, error: Exception | None = None) -> None:
    recorder.close(reason, error=None if error is None else describe(error))


@pytest.mark.parametrize(
    ("reason", "error", "ended"),
    [
        (StopReason.MAX_EVALS, None, True),
        (StopReason.ERROR, ObjectiveError("no module"), True),
        (StopReason.ERROR, DriverLost("the JVM is gone"), False),
        (StopReason.KILLED, None, False),
        (None, None, False),
    ],
    ids=["result", "permanent error", "passing error", "killed", "died"],
)
def test_after_its_own_driver(
    tmp_path: Path, reason: StopReason | None, error: Exception | None, ended: bool
) -> None:
    """A verdict is not asked for twice: the trials of a broken objective are not run again."""
    recorder = attempt(tmp_path, OURS)
    if reason is not None:
        close(recorder, reason, error)
    assert has_ended(study(tmp_path), OURS) is ended


def test_after_another_application_took_over(tmp_path: Path) -> None:
    attempt(tmp_path, OURS)
    attempt(tmp_path, ANOTHER)
    assert has_ended(study(tmp_path), OURS)


def test_before_it_has_opened_the_study(tmp_path: Path) -> None:
    """The verdict is an earlier application's, and a new one may have been submitted to go beyond it."""
    assert not has_ended(study(tmp_path), OURS)
    close(attempt(tmp_path, ANOTHER), StopReason.MAX_EVALS)
    assert not has_ended(study(tmp_path), OURS)


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [(StopReason.MAX_EVALS, None, 0), (StopReason.ERROR, ObjectiveError("no module"), 1)],
    ids=["result", "error"],
)
def test_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: StopReason, error: Exception | None, code: int
) -> None:
    """The application ends as its first driver would have ended it."""
    close(attempt(tmp_path, OURS), reason, error)
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1410901177871_0001_02_000001")
    assert main._run_spec(str(tmp_path), "no spec is read") == code
    assert len(study(tmp_path).attempts) == 1


def test_segments_that_another_application_has_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A restarted driver leaves all segments to the application that runs them now."""
    segments = Segments.of(spec(), {"north": {}, "south": {}})
    write_segments(str(tmp_path), segments)
    north = Path(address_of(str(tmp_path), "north"))
    attempt(north, OURS)
    attempt(north, ANOTHER)
    monkeypatch.setenv("CONTAINER_ID", "container_e17_1410901177871_0001_02_000001")
    assert main._run_spec(str(tmp_path), "", segments.sha256) == 1
    assert "another application has taken over" in caplog.text
    assert len(study(north).attempts) == 2
