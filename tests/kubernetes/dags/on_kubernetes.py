"""Tuning tasks on the stand-in for Kubernetes, one DAG for each scenario."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import dag

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import uniform


def note_process(context: Any) -> None:
    """Tell the test which process runs the task."""
    Path(os.environ["NOTES"], context["dag"].dag_id).write_text(str(os.getpid()))


def tune(**given: Any) -> None:
    arguments: dict[str, Any] = {
        "objective": "remote_objectives:quadratic",
        "space": {"x": uniform(0, 1)},
        "max_evals": 24,
        "objective_kwargs": {"sleep": 0.5},
        "parallelism": 2,
        "seed": 5,
        "retries": 1,
        "retry_delay": timedelta(seconds=0),
        "pre_execute": note_process,
        "status_poll_interval": 20,
    }
    SparkTuneOperator(task_id="tune", **{**arguments, **given})


@dag(schedule=None)
def plain():
    """Run in the namespace `default`, followed by spark-submit."""
    tune(conn_id="kubernetes_default", retries=0)


@dag(schedule=None)
def tracked():
    """Run in a namespace of its own, followed by Airflow through the API server."""
    tune(conn_id="kubernetes_spark", track_driver_via_k8s_api=True)


@dag(schedule=None)
def deleted():
    """Lose the driver's pod."""
    tune(conn_id="kubernetes_spark")


@dag(schedule=None)
def killed():
    tune(conn_id="kubernetes_spark", max_evals=1000)


@dag(schedule=None)
def no_image():
    tune(
        conn_id="kubernetes_spark",
        conf={"spark.kubernetes.container.image": "nowhere/at-all"},
        execution_timeout=timedelta(seconds=25),
        retries=0,
    )


plain()
tracked()
deleted()
killed()
no_image()
