"""Texts that others wrote into a study folder are printable where they are read; data stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_sparktune.printable import one_line
from airflow_sparktune.study.files.airflow_task import AirflowTask, read_task, write_task
from airflow_sparktune.study.files.stop_request import request_stop, stop_requested
from airflow_sparktune.study.journal import events
from airflow_sparktune.study.journal.events import (
    Decided,
    Event,
    SparkStarted,
    StartsResolved,
)
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.record.champions import Action, Champions
from airflow_sparktune.study.retuning.decision import Decision, Measured, Outcome
from airflow_sparktune.study.retuning.starts import Incumbent
from airflow_sparktune.study.storage import MemoryStorage
from tests.study.journal_samples import opened, trial

FORGED = "ann\n2026-01-01 ERROR \x1b[2J\u202eforged\x85line\u2028"
PLAIN = "ann 2026-01-01 ERROR [2Jforged line"
DATA = {"separator": "\x1b\n\u200d"}  # a value that an objective may well be tuned over

MEASURED = Measured(number=0, params=DATA, n=3, mean=0.1, std_error=0.1, why=FORGED)


def test_one_line() -> None:
    assert one_line(FORGED) == PLAIN
    assert one_line("two  spaces, \u00e9") == "two  spaces, \u00e9"


def test_the_name_in_a_request_to_stop() -> None:
    storage = MemoryStorage()
    request_stop(storage, attempt=1, by=FORGED)
    request = stop_requested(storage, attempt=1)
    assert request is not None
    assert request.by == PLAIN


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (replace(opened(), host=FORGED), "host"),
        (SparkStarted(spark=SparkApplication(application=FORGED, master=FORGED)), "spark"),
        (replace(trial(1), trial=replace(trial(1).trial, suggested_by=FORGED)), "trial"),
        (StartsResolved(incumbent=Incumbent(source=FORGED, problem=FORGED)), "incumbent"),
        (
            Decided(
                decision=Decision(
                    outcome=Outcome.KEPT, reason=FORGED, params=DATA, number=0, candidates=(MEASURED,)
                )
            ),
            "decision",
        ),
    ],
)
def test_the_texts_of_an_event(event: Event, name: str) -> None:
    found = events.from_json(json.loads(json.dumps(events.to_json(event))))
    said = json.dumps(events.to_json(found)[name])
    assert PLAIN in said
    assert json.dumps(FORGED) not in said


def test_an_entry_of_the_record_of_champions(tmp_path: Path) -> None:
    """Params, the segment's name and the study's address identify something, so they stay."""
    record = Champions(str(tmp_path), FORGED)
    facts: dict[str, Any] = {"params": DATA, "reason": FORGED, "by": FORGED, "study": FORGED}
    record.add(Action.FIRST, cause="a", at=1.0, **facts)
    (entry,) = Champions(str(tmp_path), FORGED).history()
    assert (entry.reason, entry.by) == (PLAIN, PLAIN)
    assert (entry.params, entry.segment, entry.study) == (DATA, FORGED, FORGED)


def test_the_task_of_a_study(tmp_path: Path) -> None:
    write_task(str(tmp_path), AirflowTask(dag_id=FORGED, task_id=FORGED, run_id=FORGED, url=FORGED))
    task = read_task(str(tmp_path))
    assert task == AirflowTask(dag_id=PLAIN, task_id=PLAIN, run_id=PLAIN, url=PLAIN)


def test_params_stay_as_they_are() -> None:
    running = replace(trial(1), trial=replace(trial(1).trial, params=DATA, info=DATA))
    found = events.from_json(json.loads(json.dumps(events.to_json(running))))
    assert found == running
