"""The operator links: "Tuning", for users whose role does not show plugin tabs, and "Spark UI"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey

    from airflow_sparktune.study.study import Study


class TuningLink(BaseOperatorLink):
    """A link to the Tuning page. The API server builds it from ids, so it works during the run and after."""

    name = "Tuning"

    @property
    def operators(self) -> list[type[Any]]:  # type: ignore[override]
        """Return the classes with this link. Airflow compares exactly, so each subclass is listed."""
        # Imported here because only the API server calls this; others must not load Spark's provider.
        from airflow_sparktune.orchestrator.decorator import DecoratedSparkTuneOperator
        from airflow_sparktune.orchestrator.operator import SparkTuneOperator

        return [SparkTuneOperator, DecoratedSparkTuneOperator]

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """Return the path of the page under `[api] base_url`."""
        from airflow.configuration import conf

        base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        dag, task, run = (quote(text, safe="") for text in (ti_key.dag_id, ti_key.task_id, ti_key.run_id))
        return f"{base}/sparktune/dags/{dag}/tasks/{task}/runs/{run}/?map_index={ti_key.map_index}"


class SparktuneLinks(AirflowPlugin):
    """Registers the link with Airflow, so that it needs no XCom of a finished task."""

    name = "sparktune_links"
    operator_extra_links = [TuningLink()]  # noqa: RUF012 - Airflow declares it as an instance variable


class SparkUiLink(BaseOperatorLink):
    """A link that works as soon as Spark has reported its UI; Airflow updates it at the end of the task."""

    name = "Spark UI"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """Return the address that the operator has found. Airflow calls this on the worker."""
        return operator.spark_ui or ""


def spark_ui(study: Study) -> str | None:
    """Return the address of the newest Spark application's page."""
    spark = study.attempts[-1].spark if study.attempts else None
    return spark.web_page(ended=study.closed is not None) if spark else None
