"""Retuning through a real Airflow: three weeks of a champion, segments, a script of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow_site import Run, Site, wait_for

from airflow_sparktune.study.address import task_folder
from airflow_sparktune.study.retuning.champions import Action, Champions, segments

pytestmark = pytest.mark.integration

WEEKS = ("2026-11-02", "2026-11-09", "2026-11-16")


def record(airflow: Site, dag: str, segment: str | None = None) -> Champions:
    root = task_folder(str(airflow.home / "sparktune"), dag_id=dag, task_id="tune")
    return Champions(root, segment)


def actions(champions: Champions) -> list[Action]:
    return [entry.action for entry in champions.history()]


def week(airflow: Site, dag: str, date: str, *, task: str = "tune") -> Run:
    """Run a DAG for a week to the end of a task."""
    run = airflow.trigger(dag, f"week-{date}", date=date)
    run.wait("success", "failed", "skipped", "upstream_failed", task=task, within_s=600)
    return run


def test_three_weeks_of_a_champion(airflow: Site) -> None:
    """First a champion, then it is kept, then drift replaces it; only a change trains for production."""
    airflow.unpause("train_production")
    decisions = []
    for number, date in enumerate(WEEKS):
        run = week(airflow, "retune_weekly", date)
        assert run.state() == "success", run.log()
        decisions.append(run.xcom(key="tuning_result")["decision"])
        trained = sum(decision != "kept" for decision in decisions)
        wait_for(lambda trained=trained: len(airflow.runs("train_production")) == trained, within_s=120)
        assert number > 0 or decisions == ["first"]
    assert decisions == ["first", "kept", "replaced"]
    champions = record(airflow, "retune_weekly")
    assert actions(champions) == [Action.FIRST, Action.KEPT, Action.REPLACED]
    last = airflow.runs("train_production")[-1]
    last.wait("success", "failed", task="train", within_s=300)
    assert last.xcom(task="train")["params"] == champions.in_office().params
    assert Path(last.xcom(task="train")["model"]).is_file()
    confirmation = run.xcom(key="tuning_result")["confirmation"]
    assert confirmation["incumbent"]["n"] >= 3
    assert any(item["bound"] > 0 for item in confirmation["candidates"])


def test_segments_keep_their_champions(airflow: Site) -> None:
    """Each shop has its own, by its name; what is trained is what was found for that shop."""
    run = week(airflow, "retune_segments", WEEKS[0], task="shops")
    for index in range(3):
        run.wait("success", "failed", task="train", index=index, within_s=600)
        trained = run.xcom(task="train", index=index)
        assert trained["params"] == record(airflow, "retune_segments", trained["segment"]).in_office().params
    root = task_folder(str(airflow.home / "sparktune"), dag_id="retune_segments", task_id="tune")
    assert sorted(map(str, segments(root))) == ["berlin", "lyon", "porto"]


def test_a_script_has_a_champion_too(airflow: Site) -> None:
    """An unchanged search by fmin is compared with what its task found before."""
    first = week(airflow, "retune_existing_script", WEEKS[0], task="train")
    assert first.state(task="train") == "success", first.log()
    second = week(airflow, "retune_existing_script", WEEKS[2], task="train")
    assert second.xcom(key="tuning_result")["decision"] == "replaced", second.log()
    assert actions(record(airflow, "retune_existing_script")) == [Action.FIRST, Action.REPLACED]
