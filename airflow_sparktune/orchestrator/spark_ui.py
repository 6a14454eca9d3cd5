"""The operator link "Spark UI", which opens the Spark application of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


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
