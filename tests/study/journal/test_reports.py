"""The journal holds the curves of trials."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from airflow_sparktune import load_study
from airflow_sparktune.study.curve import TrialReports
from airflow_sparktune.study.journal import events
from airflow_sparktune.study.journal.events import Reported
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.trial import TrialState
from tests.study.journal_samples import BEGAN, opened, trial, write


def reported(*trials: TrialReports) -> Reported:
    return Reported(at=BEGAN, trials=trials)


def test_a_curve_grows_and_begins_anew_with_another_try(tmp_path: Path) -> None:
    write(
        open_storage(str(tmp_path)),
        1,
        [opened(), trial(0), trial(1)],
        [reported(TrialReports(0, [1, 2], [3.0, 2.0]), TrialReports(1, [1], [4.0], [{"accuracy": 0.5}]))],
        [reported(TrialReports(0, [3], [1.0], [{"accuracy": 0.9}]), TrialReports(9, [1], [1.0]))],
        [trial(0, 1.0), trial(1, tries=2)],
        [reported(TrialReports(1, [1], [5.0]))],
    )
    study = load_study(str(tmp_path))
    assert study.curves[0].rows() == [
        {"step": 1, "loss": 3.0},
        {"step": 2, "loss": 2.0},
        {"step": 3, "loss": 1.0, "metrics": {"accuracy": 0.9}},
    ]
    assert set(study.curves) == {0, 1}
    assert study.curves[1].rows() == [{"step": 1, "loss": 5.0}]
    assert study.trials[0].state is TrialState.OK


@pytest.mark.parametrize(
    "wrong",
    [
        {"losses": [1.0]},
        {"losses": [1.0, None]},
        {"steps": [1, -1]},
        {"steps": "12"},
        {"metrics": [{}]},
        {"metrics": [{"a": "text"}, {}]},
        {"trial": None},
    ],
)
def test_a_malformed_report_is_a_malformed_event(wrong: dict[str, object]) -> None:
    data = {"event": "reports", "at": BEGAN, "trials": [{"trial": 0, "steps": [1, 2], "losses": [2.0, 1.0]}]}
    assert events.from_json(data) == reported(TrialReports(0, (1, 2), (2.0, 1.0)))
    data["trials"] = [{"trial": 0, "steps": [1, 2], "losses": [2.0, 1.0], **wrong}]
    with pytest.raises(ValueError, match="a 'reports' event is malformed"):
        events.from_json(data)


def test_a_long_study_with_curves_opens_quickly(tmp_path: Path) -> None:
    """1,000 trials of 100 steps, in events with ten steps of 32 trials each, measured as CPU time."""
    writer = write(open_storage(str(tmp_path)), 1, [opened()])
    for first in range(0, 1_000, 32):
        numbers = range(first, min(first + 32, 1_000))
        for number in numbers:
            writer.append(trial(number))
        for step in range(0, 100, 10):
            steps = list(range(step, step + 10))
            writer.append(reported(*(TrialReports(number, steps, [1 / 3] * 10) for number in numbers)))
        for number in numbers:
            writer.append(trial(number, 0.5))
    writer.commit()
    start = time.process_time()
    study = read_study(str(tmp_path)).study
    took_s = time.process_time() - start
    assert sum(len(curve.steps) for curve in study.curves.values()) == 100_000
    assert took_s < 1.0
