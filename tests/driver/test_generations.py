"""A study takes over the finished trials of the study that was cleared before it had a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sparktune.driver import engines
from airflow_sparktune.driver.opening import open_study
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.errors import DriverLost, ObjectiveError, describe
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.storage import LocalStorage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState
from tests.driver.world import spec


def open_generation(root: Path, generation: int, **given: Any) -> Recorder:
    address = root / f"g{generation}"
    return open_at(address, **given)


def open_at(address: Path, *rows: Dimension, **given: Any) -> Recorder:
    """Open an attempt; without rows, like one whose sampler could not be created."""
    sampler: Any = SimpleNamespace(dimensions=rows) if rows else None
    asked = spec(**given)
    return open_study(SpecPlan(asked, engines.create(asked)), LocalStorage(address), str(address), sampler)


def began(root: Path, closed: Mapping[str, Any] | None) -> Study:
    """Write a study g0 with an ended and a running trial, and its end if given."""
    recorder = open_generation(root, 0)
    for number in range(2):
        recorder.trial(Trial(number=number, params={"x": 0.5}, point={"x": 0.5}))
    recorder.trial(recorder.study.trials[0].ended(TrialState.OK, end=recorder.now, loss=0.25))
    recorder.commit()
    if closed is not None:
        recorder.close(**closed)
    return recorder.study


CUT_OFF: list[Mapping[str, Any] | None] = [
    None,
    {"reason": StopReason.KILLED},
    {"reason": StopReason.ERROR, "error": describe(DriverLost("Spark has shut down"))},
    {"reason": StopReason.ERROR, "error": describe(ZeroDivisionError())},
]
DECIDED: list[Mapping[str, Any]] = [
    {"reason": StopReason.MAX_EVALS},
    {"reason": StopReason.ERROR, "error": describe(ObjectiveError("all failed"))},
]


@pytest.mark.parametrize("closed", CUT_OFF)
def test_a_killed_study_is_taken_over_with_its_seed(tmp_path: Path, closed: Mapping[str, Any] | None) -> None:
    older = began(tmp_path, closed)
    open_generation(tmp_path, 1)
    newer = read_study(str(tmp_path / "g1")).study
    assert newer.trials == {0: replace(older.trials[0], origin=TrialOrigin.ADOPTED)}
    assert newer.seed == older.seed


@pytest.mark.parametrize("closed", DECIDED)
def test_a_study_with_a_result_is_not_taken_over(tmp_path: Path, closed: Mapping[str, Any]) -> None:
    began(tmp_path, closed)
    assert open_generation(tmp_path, 1).study.trials == {}


def test_an_attempt_that_fails_at_its_start_keeps_the_dimensions(tmp_path: Path) -> None:
    row = Dimension("x", "uniform")
    open_at(tmp_path, row)
    open_at(tmp_path)
    assert read_study(str(tmp_path)).study.dimensions == (row.to_json(),)
    open_at(tmp_path, algo="random")
    assert read_study(str(tmp_path)).study.dimensions == ()


def test_another_study_is_not_taken_over(tmp_path: Path) -> None:
    began(tmp_path, None)
    assert open_generation(tmp_path, 1, algo="random").study.trials == {}


def test_a_study_cleared_before_it_started_is_skipped(tmp_path: Path) -> None:
    began(tmp_path, None)
    assert sorted(open_generation(tmp_path, 2).study.trials) == [0]


def test_a_driver_that_dies_while_opening_takes_over_all_or_nothing(tmp_path: Path) -> None:
    """An attempt that has opened is continued, and earlier generations are not read."""
    began(tmp_path, None)
    open_generation(tmp_path, 1)
    (first, *others) = sorted((tmp_path / "g1" / "attempts").glob("*/*"))
    assert others == []
    assert first.read_text().count('"event":"trial"') == 1
