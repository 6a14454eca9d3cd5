"""Airflow's cluster policy in the tests: no DAG runs by the clock, so that no test depends on the date.

Airflow starts a run at once if a DAG is unpaused in the first tenth of its interval: a weekly one on a Sunday
until 16:48 UTC, a daily one until 02:24. The tests trigger the runs that they need. Asset schedules stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG


def dag_policy(dag: DAG) -> None:
    """Remove the schedule of a DAG, unless only assets trigger it."""
    # Not at the top: Airflow imports this module while it is being imported.
    from airflow.sdk.definitions.timetables.assets import AssetOrTimeSchedule, AssetTriggeredTimetable
    from airflow.sdk.definitions.timetables.simple import NullTimetable

    by_assets = isinstance(dag.timetable, AssetTriggeredTimetable)
    if not by_assets or isinstance(dag.timetable, AssetOrTimeSchedule):
        dag.timetable = NullTimetable()
