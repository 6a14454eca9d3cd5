"""A tuning whose references all lead to a module that records which processes import it."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_sparktune import SparkTuneOperator


@dag(schedule=None)
def recorded():
    SparkTuneOperator(
        task_id="tune",
        objective="recording:loss",
        space="recording:SPACE",
        algo="recording:suggest",
        execution={"shared_data": "recording:load"},
        max_evals=3,
    )


recorded()
