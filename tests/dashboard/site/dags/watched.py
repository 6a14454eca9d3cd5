"""A DAG whose task writes a study as a driver does, and one whose task does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airflow.sdk import dag, task

ROOT = Path(__file__).resolve().parents[4]


@dag(schedule=None)
def watched():
    @task
    def tune(**context):
        sys.path.append(str(ROOT))
        from airflow_sparktune.study.address import study_address
        from tests.dashboard.helpers.synthetic import live_study

        instance = context["ti"]
        address = study_address(
            os.environ["AIRFLOW_HOME"] + "/sparktune",
            dag_id=instance.dag_id,
            task_id=instance.task_id,
            run_id=instance.run_id,
        )
        live_study(address, trials=30, pause_s=0.01)

    @task
    def train():
        return "a task that is no tuning"

    tune() >> train()


watched()
