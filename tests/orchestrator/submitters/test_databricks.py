"""What an operator of Databricks sends for a prepared study, by its real provider; no service is asked."""

from __future__ import annotations

import types
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_sparktune import CollectStudyOperator, prepare_study
from airflow_sparktune.space import uniform

databricks = pytest.importorskip(
    "airflow.providers.databricks.operators.databricks",
    reason="apache-airflow-providers-databricks is not installed here: pip install it",
)

PREPARED = {
    "application": "s3://lake/churn/prepare/r1/g0/launch/sparktune_application.py",
    "arguments": ["--study", "s3://lake/churn/prepare/r1/g0", "--spec-sha256", "21a6c09b"],
}


def test_the_application_and_its_arguments_reach_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with DAG("churn", schedule=None):
        study = prepare_study(objective="m:f", space={"x": uniform(0, 1)}, max_evals=3)
        python = {"python_file": study.output["application"], "parameters": study.output["arguments"]}
        task = {"task_key": "study", "existing_cluster_id": "1", "spark_python_task": python}
        run = databricks.DatabricksSubmitRunOperator(task_id="run", tasks=[task], wait_for_termination=False)
        CollectStudyOperator(task_id="tune", study=study.output["study"])
    assert run.upstream_task_ids == {"prepare"}
    ti = types.SimpleNamespace(
        task_id="run", stats_tags={}, xcom_pull=lambda *, key, **_: PREPARED[key], xcom_push=lambda **_: None
    )
    context: dict[str, Any] = {"ti": ti, "task": run, "expanded_ti_count": None}
    run.render_template_fields(context)
    sent = []
    hook = types.SimpleNamespace(
        submit_run=lambda json: sent.append(json) or 7, get_run_page_url=lambda _: "https://workspace/run/7"
    )
    monkeypatch.setattr(databricks.DatabricksSubmitRunOperator, "_hook", hook)
    run.execute(context)
    assert sent[0]["tasks"][0]["spark_python_task"] == {
        "python_file": PREPARED["application"],
        "parameters": PREPARED["arguments"],
    }
