"""A study whose driver is a pod, and one whose executors are."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import uniform

CONF = {
    "spark.kubernetes.container.image": "sparktune-spark",
    "spark.kubernetes.container.image.pullPolicy": "Never",
    "spark.kubernetes.authenticate.driver.serviceAccountName": "spark",
    "spark.kubernetes.executor.secrets.billing": "/etc/keys",
    "spark.executor.instances": "2",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    # The driver's access to the studies.
    "spark.kubernetes.driver.secretKeyRef.AWS_ACCESS_KEY_ID": "studies:id",
    "spark.kubernetes.driver.secretKeyRef.AWS_SECRET_ACCESS_KEY": "studies:key",
    "spark.kubernetes.driverEnv.AWS_ENDPOINT_URL": "http://s3:8333",
    "spark.kubernetes.driverEnv.AWS_DEFAULT_REGION": "us-east-1",
}


def tune(mode: str, max_evals: int) -> SparkTuneOperator:
    return SparkTuneOperator(
        task_id=mode,
        conn_id="spark_kubernetes",
        deploy_mode=mode,
        objective="remote_objective:quadratic",
        pruner="remote_objective:OddAtThree",
        space={"x": uniform(0, 1)},
        max_evals=max_evals,
        parallelism=2,
        seed=5,
        conf=CONF,
    )


@dag(schedule=None)
def in_pods():
    tune("cluster", 24) >> tune("client", 8)


in_pods()
