"""Retune in a cluster, and free the worker meanwhile: a trigger waits for the end of the study.

The connection `spark_cluster` leads to YARN or Kubernetes, and `[sparktune] storage` is a folder or a URL
that Airflow and the cluster both reach. See docs/guides/clusters.md.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import choice, loguniform, uniform


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_deferred():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="digits:validation_loss",
        space={
            "batch_size": choice([16, 32, 64, 128, 256]),
            "learning_rate": loguniform(1e-4, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        max_evals=24,
        conn_id="spark_cluster",
        deploy_mode="cluster",
        deferrable=True,
        execution_timeout=timedelta(hours=6),
        retries=2,
    )

    @task
    def report(hparams: dict) -> None:
        print(f"best hyperparameters: {hparams}")

    report(hparams=tune.output)


retune_deferred()
