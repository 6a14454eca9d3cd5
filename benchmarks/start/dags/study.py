"""A study of short trials."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import uniform


@dag(schedule=None)
def study():
    SparkTuneOperator(task_id="run", objective="naps:nap", space={"x": uniform(0, 1)}, max_evals=40, seed=1)


study()
