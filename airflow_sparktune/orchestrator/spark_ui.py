"""The operator link "Spark UI": where Spark shows the jobs of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


class SparkUiLink(BaseOperatorLink):
    """Live as soon as Spark has said where its UI is; Airflow writes it again when the task ends."""

    name = "Spark UI"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override]  # noqa: ARG002
        """What the operator has learnt; asked on the worker, of the operator that ran."""
        return operator.spark_ui or ""


def spark_ui(study: Study) -> str | None:
    """Return the page of the newest Spark application."""
    spark = study.attempts[-1].spark if study.attempts else None
    return spark.web_page(ended=study.closed is not None) if spark else None
