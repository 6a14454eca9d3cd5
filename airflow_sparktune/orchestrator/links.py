"""The operator link "Tuning": leads users to the page whose role gets no plugin tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


class TuningLink(BaseOperatorLink):
    """A link that works during the run and after: the API server builds it from the ids at each request."""

    name = "Tuning"

    @property
    def operators(self) -> list[type[Any]]:  # type: ignore[override]
        """Return the classes that have the link; Airflow compares exactly, so each subclass is named."""
        # Imported here: only the API server asks, and no other process shall load Spark's provider.
        from airflow_sparktune.orchestrator.decorator import DecoratedSparkTuneOperator
        from airflow_sparktune.orchestrator.operator import SparkTuneOperator

        return [SparkTuneOperator, DecoratedSparkTuneOperator]

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """Return the page's path under `[api] base_url`."""
        from airflow.configuration import conf

        base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        dag, task, run = (quote(text, safe="") for text in (ti_key.dag_id, ti_key.task_id, ti_key.run_id))
        return f"{base}/sparktune/dags/{dag}/tasks/{task}/runs/{run}/?map_index={ti_key.map_index}"


class SparktuneLinks(AirflowPlugin):
    """Registers the link, so that it needs no XCom of a finished task."""

    name = "sparktune_links"
    operator_extra_links = [TuningLink()]  # noqa: RUF012  (Airflow's own declaration of it is an instance variable)
