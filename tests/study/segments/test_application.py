"""The studies of segments and their application."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.airflow_task import AirflowTask, read_task, task_folder_of, write_task
from airflow_sparktune.study.files.generations import Owner, earlier_generations, write_owner
from airflow_sparktune.study.record.champions import Champions, segments
from airflow_sparktune.study.record.entries import Action
from airflow_sparktune.study.segments import Segments, write_segments
from airflow_sparktune.study.segments.application import application_above
from airflow_sparktune.study.segments.follower import SegmentsFollower
from airflow_sparktune.study.storage import open_storage
from tests.study.journal_samples import SPEC, closed, opened, trial, write

BOTH = Segments.of(SPEC, {"north": {"region": 1}, "south": {"region": 2}})


@pytest.fixture
def application(tmp_path: Path) -> str:
    """Return the address of an application with two segments."""
    address = str(tmp_path / "churn" / "tune" / "r1" / "2" / "g1")
    write_segments(address, BOTH)
    return address


def test_the_task_of_a_segment_is_that_of_its_application(application: str, tmp_path: Path) -> None:
    north = address_of(application, "north")
    write_task(application, AirflowTask(dag_id="churn", task_id="tune", run_id="r1", map_index=2))
    assert read_task(north) == read_task(application)
    assert task_folder_of(north) == task_folder_of(application) == str(tmp_path / "churn" / "tune")
    assert application_above(north) == application


def test_a_folder_that_is_only_named_as_a_segment(tmp_path: Path) -> None:
    study = str(tmp_path / "lake" / "segment=fr" / "g0")
    write_task(study, AirflowTask(dag_id="churn", task_id="tune", run_id="segment=fr"))
    assert application_above(study) is None
    assert task_folder_of(study) == str(tmp_path / "lake")


def test_a_segment_continues_no_study_of_a_deleted_run(application: str) -> None:
    """The run's token is beside the application, and tells which generations are its own."""
    folder = application.removesuffix("/g1")
    for generation in range(3):
        write(open_storage(address_of(f"{folder}/g{generation}", "north")), 1, [opened()])
    newest = address_of(f"{folder}/g2", "north")
    assert len(earlier_generations(newest)) == 2
    write_owner(folder, Owner(token="t", first=1))
    assert earlier_generations(newest) == [address_of(f"{folder}/g1", "north")]


def test_segments_are_followed_as_they_begin(application: str) -> None:
    follower = SegmentsFollower(application, BOTH.names)
    follower.refresh()
    assert follower.study == {}
    writer = write(open_storage(address_of(application, "south")), 1, [opened(), trial(0, 0.5)])
    follower.refresh()
    assert {name: study.finished for name, study in follower.study.items()} == {"south": 1}
    writer.append(closed())
    writer.commit()
    write(open_storage(address_of(application, "north")), 1, [opened()])
    follower.refresh()
    assert follower.study["south"].closed is not None
    assert "north" in follower.study
    write(open_storage(address_of(application, "south")), 2, [opened(2)])
    follower.refresh()
    assert follower.study["south"].closed is not None
    follower.whole = True
    follower.refresh()
    assert follower.study["south"].closed is None


def test_a_segment_with_a_champion_that_is_not_there_any_more(tmp_path: Path) -> None:
    """A torn record is no reason to fail."""
    for name in (None, "north", "South", "east"):
        Champions(str(tmp_path), name).add(Action.FIRST, cause="a", at=1.0, params={}, reason="")
    for entry in (tmp_path / "@champions" / "segment=east").iterdir():
        entry.write_text("torn")
    assert segments(str(tmp_path), [], but=["north", "west"]) == ["South"]
    assert segments(str(tmp_path / "another"), [], but=["north"]) == []
