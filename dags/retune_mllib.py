"""Retune a Spark MLlib model: each trial trains with the whole cluster, so trials run on the driver.

The data are scikit-learn's breast cancer measurements (569 rows, included in the package). MLlib's estimators
start Spark jobs, which is possible only on the driver: `run_trials_on="driver"`. Trials on executors are for
models that fit on one machine.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import loguniform, uniform


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_mllib():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="cancer:validation_loss",
        space={"regParam": loguniform(1e-5, 1.0), "elasticNetParam": uniform(0.0, 1.0)},
        max_evals=8,
        seed=7,
        execution={"run_trials_on": "driver"},
        conf={"spark.sql.shuffle.partitions": 2},
    )

    @task
    def train(hparams: dict) -> float:
        import os
        import sys

        import cancer
        from pyspark.sql import SparkSession

        os.environ["PYSPARK_PYTHON"] = sys.executable  # Spark's workers use this task's Python
        with SparkSession.builder.master("local[2]").getOrCreate() as spark:
            area = cancer.fit_and_test(spark, **hparams)
        print(f"best hyperparameters: {hparams}")
        print(f"area under the ROC curve on the test set: {area:.4f}")
        return area

    train(hparams=tune.output)


retune_mllib()
