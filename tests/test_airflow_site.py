"""What the tests with a real Airflow rely on: only triggered runs, and waits that say what they await."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.definitions.asset import Model
from airflow.sdk.definitions.timetables.assets import AssetOrTimeSchedule
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction

from tests.integration.airflow_site import wait_for
from tests.integration.site.airflow_local_settings import dag_policy

# Schedules, and moments at which Airflow starts a run of a DAG that is unpaused.
NIGHTLY = CronTriggerTimetable("30 1 * * *", timezone="Europe/Berlin")
AT_ONCE = [
    ("@weekly", "2026-11-29T00:01:00Z"),  # a Sunday
    ("@weekly", "2026-11-29T16:47:00Z"),
    ("@daily", "2027-01-01T02:23:00Z"),
    ("@monthly", "2026-12-01T00:01:00Z"),
    ("@yearly", "2027-01-01T00:01:00Z"),
    (NIGHTLY, "2027-03-28T01:01:00Z"),  # summer time begins
    (NIGHTLY, "2026-10-25T01:01:00Z"),  # summer time ends
    (timedelta(days=1), "2026-12-31T23:59:00Z"),
    (AssetOrTimeSchedule(timetable=NIGHTLY, assets=[Model("champion")]), "2026-11-29T00:31:00Z"),
]


def first_run(schedule: Any, *, under_policy: bool) -> datetime | None:
    """Return when a DAG with this schedule that has just been unpaused runs by the clock; None if never."""
    dag = DAG("scheduled", schedule=schedule)
    if under_policy:
        dag_policy(dag)
    restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
    found = coerce_to_core_timetable(dag.timetable).next_dagrun_info(
        last_automated_data_interval=None, restriction=restriction
    )
    return found and found.run_after


@pytest.mark.parametrize(("schedule", "moment"), AT_ONCE)
def test_no_dag_runs_by_the_clock(schedule: Any, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.fromisoformat(moment)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)

    assert first_run(schedule, under_policy=False) <= now
    assert first_run(schedule, under_policy=True) is None


def test_assets_still_trigger_a_dag() -> None:
    dag = DAG("triggered", schedule=[Model("champion")])
    before = dag.timetable

    dag_policy(dag)

    assert dag.timetable is before


def test_a_wait_returns_what_it_has_seen() -> None:
    numbers = count()

    assert wait_for(lambda: next(numbers), lambda seen: seen >= 3, what="a third look", every_s=0) == 3


def test_a_wait_in_vain_says_for_what_and_what_it_has_seen() -> None:
    with pytest.raises(TimeoutError, match=r"^waited 0 s for tune to end; last seen: 'running'$"):
        wait_for(lambda: "running", lambda state: state == "success", what="tune to end", within_s=0)
