"""The Airflow plugin that adds the pages to the UI.

They are a tab of the task instance, the history of the task, and all studies in the navigation.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/sparktune"

# Relative, because the UI's <base href> has the path of [api] base_url. On an unmapped task, {MAP_INDEX} is
# not replaced. The ids are URL-encoded.
_TASK = "sparktune/dags/{DAG_ID}/tasks/{TASK_ID}/"


class SparktuneViews(AirflowPlugin):
    """The views. The app is created on request, because every Airflow process loads plugins."""

    name = "sparktune_views"
    external_views = [  # noqa: RUF012  (Airflow declares it as an instance variable)
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
        {
            "name": "Tuning studies",
            "href": "sparktune/",
            "url_route": "sparktune",
            "destination": "nav",
            "category": "browse",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the application and the URL prefix at which the API server mounts it."""
        return [{"app": _app(), "url_prefix": PREFIX, "name": "Sparktune"}]


def _app() -> FastAPI:
    from airflow_sparktune import connections
    from airflow_sparktune.dashboard.access import may_edit_task_instances, may_read_task_instances
    from airflow_sparktune.dashboard.app import create_app
    from airflow_sparktune.dashboard.browse.rights import airflow_rights
    from airflow_sparktune.dashboard.storage_roots import StorageRoots

    connections.register()
    return create_app(
        StorageRoots.configured(),
        guard=may_read_task_instances(),
        editor=may_edit_task_instances(),
        rights=airflow_rights(),
    )
