"""The peer: Airflow's own operator, with a bare PySpark application."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import dag


@dag(schedule=None)
def bare():
    SparkSubmitOperator(
        task_id="run",
        application=str(Path(__file__).with_name("bare_job.py")),
        application_args=[f"{os.environ['AIRFLOW_HOME']}/{{{{ run_id }}}}.done"],
    )


bare()
