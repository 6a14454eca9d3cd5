"""The operator link "Spark UI": where Spark shows the jobs of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_sparktune.study.study import Study
from airflow_sparktune.study.web_address import web_address

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


class SparkUiLink(BaseOperatorLink):
    """Live as soon as Spark has said where its UI is; Airflow writes it again when the task ends."""

    name = "Spark UI"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """What the operator has learnt; asked on the worker, of the operator that ran."""
        return operator.spark_ui or ""


def spark_ui(study: Study) -> str | None:
    """The newest application's own UI while it runs; then its page on the history server, if there is one."""
    spark = study.attempts[-1].spark if study.attempts else None
    if spark is None:
        return None
    if study.closed is not None and (history := spark.get("history")):
        server = str(history) if "://" in str(history) else f"http://{history}"
        return web_address(f"{server.rstrip('/')}/history/{spark.get('application')}")
    return web_address(spark.get("ui"))
