"""The operator link "Spark UI", which leads to the jobs of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


class SparkUiLink(BaseOperatorLink):
    """A link that works as soon as Spark has reported its UI; Airflow writes it again at the task's end."""

    name = "Spark UI"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """Return the address that the operator has found; Airflow asks on the worker."""
        return operator.spark_ui or ""


def spark_ui(study: Study) -> str | None:
    """Return the page of the newest Spark application."""
    spark = study.attempts[-1].spark if study.attempts else None
    return spark.web_page(ended=study.closed is not None) if spark else None
