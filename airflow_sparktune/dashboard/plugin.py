"""The Airflow plugin that adds the page to the UI: a tab on the task instance, a history on the task."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/sparktune"

# Relative: the UI's <base href> carries the path of [api] base_url. {MAP_INDEX} stays literal on an
# unmapped task. The ids arrive URL-encoded.
_TASK = "sparktune/dags/{DAG_ID}/tasks/{TASK_ID}/"


class SparktuneViews(AirflowPlugin):
    """The views. The app is built when the API server asks for it: every Airflow process loads plugins."""

    name = "sparktune_views"
    external_views = [  # noqa: RUF012  (Airflow's own declaration of it is an instance variable)
        {
            "name": "Tuning",
            "href": f"{_TASK}runs/{{RUN_ID}}/?map_index={{MAP_INDEX}}",
            "url_route": "tuning",
            "destination": "task_instance",
        },
        {
            "name": "Tuning history",
            "href": _TASK,
            "url_route": "tuning-history",
            "destination": "task",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The application, and where the API server mounts it."""
        return [{"app": _app(), "url_prefix": PREFIX, "name": "Sparktune"}]


def _app() -> FastAPI:
    from airflow_sparktune import connections
    from airflow_sparktune.dashboard.access import may_edit_task_instances, may_read_task_instances
    from airflow_sparktune.dashboard.app import create_app
    from airflow_sparktune.dashboard.roots import StorageRoots

    connections.register()
    return create_app(
        StorageRoots.configured(), guard=may_read_task_instances(), editor=may_edit_task_instances()
    )
