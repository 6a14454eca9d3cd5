"""Studies that run without their task: deferred ones, and one that another operator submits."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import dag

from airflow_sparktune import CollectStudyOperator, SparkTuneOperator, prepare_study
from airflow_sparktune.space import uniform

SPACE = {"x": uniform(0, 1)}
ADDRESS = "conn.small_cluster.extra_dejson.yarn_resourcemanager_webapp_address"
CLUSTER = {
    "conn_id": "small_cluster",
    "deferrable": True,
    "env_vars": {"SMALL_CLUSTER": f"{{{{ {ADDRESS} }}}}"},
}


@dag(schedule=None)
def deferred():
    """Run long enough to be interrupted."""
    SparkTuneOperator(
        task_id="tune",
        objective="objectives:quadratic",
        objective_kwargs={"sleep": 0.5},
        space=SPACE,
        max_evals=24,
        seed=5,
        **CLUSTER,
    )


@dag(schedule=None)
def deferred_too_long():
    SparkTuneOperator(
        task_id="tune",
        objective="objectives:quadratic",
        objective_kwargs={"sleep": 0.5},
        space=SPACE,
        max_evals=1000,
        execution_timeout=timedelta(seconds=20),
        **CLUSTER,
    )


@dag(schedule=None)
def submitted_by_another():
    """Use the provider's own operator as the stranger."""
    study = prepare_study(objective="objectives:quadratic", space=SPACE, max_evals=6, seed=5)
    run = SparkSubmitOperator(
        task_id="submit",
        conn_id="stranger",
        application=study.output["application"],
        application_args=study.output["arguments"],
    )
    CollectStudyOperator(task_id="tune", study=study.output["study"], deferrable=True)
    study >> run


deferred()
deferred_too_long()
submitted_by_another()
