from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from airflow_sparktune.driver.progress_log import ProgressLog, log_end
from airflow_sparktune.study.definition import Retuning
from airflow_sparktune.study.journal.events import TrialChanged
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.texts import texts
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialOrigin, TrialPurpose, TrialState
from tests.study.journal_samples import SPEC, closed, opened, trial


def logged(caplog: pytest.LogCaptureFixture, study: Study, number: int, **facts: Any) -> tuple[str, str]:
    params = {"lr": 0.0123456, "model": {"depth": 7}}
    trial = Trial(number=number, params=params, point={"lr": 0.01}, start=1.0, end=1.4, **facts)
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
        "INFO", " trial 10 ok loss=0.03512 (lowest so far) 0.4 s lr=0.01235 model.depth=7"
    )  # fmt: skip
    level, line = logged(caplog, study, 11, state=TrialState.OK, loss=0.5)
    assert "so far" not in line


def test_a_trial_beyond_a_guardrail_is_never_the_lowest_so_far(caplog: pytest.LogCaptureFixture) -> None:
    study = Study()
    study.apply(opened(spec=replace(SPEC, retuning=Retuning(guardrails={"ms": {"max": 50}}))))
    slow, fast = ("(beyond a guardrail)", "(lowest so far)")
    for number, (ms, loss, note) in enumerate([(80, 0.25, slow), (20, 0.5, fast), (60, 0.125, slow)]):
        found = logged(caplog, study, number, state=TrialState.OK, loss=loss, info={"ms": ms})[1]
        assert [each for each in (slow, fast) if each in found] == [note]


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (TrialOrigin.INCUMBENT, "champion"),
        (TrialOrigin.GIVEN, "given"),
        (TrialOrigin.WARM_START, "warm start"),
        (TrialOrigin.ADOPTED, "cleared study"),
    ],
)
def test_a_line_says_where_the_configuration_comes_from(
    caplog: pytest.LogCaptureFixture, origin: TrialOrigin, text: str
) -> None:
    _, line = logged(caplog, Study(), 4, state=TrialState.OK, loss=0.5, origin=origin)
    assert line.endswith(f" lr=0.01235 model.depth=7 ({text})")


def test_a_line_names_an_algorithm_other_than_the_spec_s(caplog: pytest.LogCaptureFixture) -> None:
    study = Study()
    study.apply(opened(spec=replace(SPEC, algo="gp")))
    _, line = logged(caplog, study, 4, state=TrialState.OK, loss=0.5, suggested_by="gp")
    assert line.endswith(" model.depth=7")
    _, line = logged(caplog, study, 5, state=TrialState.OK, loss=0.5, suggested_by="gp: branch")
    assert line.endswith(" model.depth=7 (gp: branch)")


def test_a_cut_off_trial_has_the_word_of_the_page(caplog: pytest.LogCaptureFixture) -> None:
    _, line = logged(caplog, Study(), 4, state=TrialState.CANCELLED)
    assert line.endswith("trial 4 cut off 0.4 s lr=0.01235 model.depth=7")


def test_a_failed_repeat_has_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    failure = Failure(FailureKind.RAISED, "ValueError: no rows")
    repeat = {"purpose": TrialPurpose.CONFIRM, "repeats": 2, "repeat": 1}
    level, line = logged(caplog, Study(), 9, state=TrialState.FAILED, error=failure, **repeat)
    assert (level, line) == ("WARNING", "repeat 1 of trial 2 failed: ValueError: no rows")


def test_a_score_is_shown_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    study = Study()
    study.apply(opened(spec=replace(SPEC, maximize="accuracy")))
    _, line = logged(caplog, study, 3, state=TrialState.OK, loss=-0.9351234)
    assert "trial 3 ok accuracy=0.9351 (highest so far) 0.4 s" in line


def test_a_failed_trial_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    failure = Failure(FailureKind.RAISED, "ValueError: no rows")
    level, line = logged(caplog, Study(), 4, state=TrialState.FAILED, error=failure)
    assert level == "WARNING"
    assert line.endswith("trial 4 failed 0.4 s lr=0.01235 model.depth=7: ValueError: no rows")


def test_the_table_at_the_end_is_what_the_shell_shows(caplog: pytest.LogCaptureFixture) -> None:
    """Params are rounded and the end is in words; the driver adds its own times."""
    study = Study()
    for event in (opened(), trial(0, 0.5), closed("stopped")):
        study.apply(event)
    with caplog.at_level(logging.INFO):
        log_end(study)
    rows = dict(line.split("  ", 1) for line in caplog.messages)
    assert {name: rows[name].strip() for name in texts(summary(study))} == texts(summary(study))
    assert rows["ended"].strip() == "stopped by a user"
    assert rows["best params"].strip() == "lr=0.1"
