from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from airflow_sparktune.driver.progress_log import ProgressLog
from airflow_sparktune.study.journal.events import TrialChanged
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState
from tests.study.journal_samples import SPEC, opened


def logged(caplog: pytest.LogCaptureFixture, study: Study, number: int, **ended: Any) -> tuple[str, str]:
    params = {"lr": 0.0123456, "model": {"depth": 7}}
    trial = Trial(number=number, params=params, point={"lr": 0.01}, start=1.0).ended(end=1.4, **ended)
    study.apply(TrialChanged(at=1.4, ran_s=0.4, trial=trial))
    report = ProgressLog(study)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        report.trial(trial)
    (record,) = caplog.records
    return record.levelname, record.getMessage()


@pytest.mark.parametrize(
    ("charged", "reserved", "slots"),
    [
        (0.0, 2, "on 2 slots of this process (attempt"),
        (0.0, 32, "on 2 slots of this process, 32 reserved (attempt"),
        (None, 32, "slot-hours counted as when the study began, for the slots that trials may fill (attempt"),
    ],
)
def test_the_first_line_has_the_slots_and_how_they_are_charged(
    caplog: pytest.LogCaptureFixture, charged: float | None, reserved: int, slots: str
) -> None:
    study = Study()
    study.apply(replace(opened(), reserved=charged))
    with caplog.at_level(logging.INFO):
        ProgressLog(study).began(attempt=1, slots=2, reserved=reserved)
    assert slots in caplog.messages[0]


def test_a_trial_is_one_line_with_its_number_and_params(caplog: pytest.LogCaptureFixture) -> None:
    study = Study()
    level, line = logged(caplog, study, 10, state=TrialState.OK, loss=0.0351234)
    assert (level, line.partition("]")[2]) == (
        "INFO", " trial 10 ok loss=0.03512 (best) 0.4 s lr=0.01235 model.depth=7"
    )  # fmt: skip
    level, line = logged(caplog, study, 11, state=TrialState.OK, loss=0.5)
    assert "(best)" not in line


def test_a_score_is_shown_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    study = Study()
    study.apply(opened(spec=replace(SPEC, maximize="accuracy")))
    _, line = logged(caplog, study, 3, state=TrialState.OK, loss=-0.9351234)
    assert "trial 3 ok accuracy=0.9351 (best) 0.4 s" in line


def test_a_failed_trial_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    failure = Failure(FailureKind.RAISED, "ValueError: no rows")
    level, line = logged(caplog, Study(), 4, state=TrialState.FAILED, error=failure)
    assert level == "WARNING"
    assert line.endswith("trial 4 failed (raised) 0.4 s lr=0.01235 model.depth=7: ValueError: no rows")
