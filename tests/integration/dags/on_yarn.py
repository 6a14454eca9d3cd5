"""Studies on YARN: the test makes the connections, and a HADOOP_CONF_DIR in Airflow's home."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import uniform

HOME = os.environ["AIRFLOW_HOME"]
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONF = {
    # As on a cluster whose nodes have Spark: nothing is uploaded but the study.
    "spark.yarn.jars": f"local:{Path(find_spec('pyspark').origin).parent}/jars/*",
    "spark.yarn.appMasterEnv.PYSPARK_PYTHON": sys.executable,
    "spark.pyspark.python": sys.executable,
    "spark.executor.instances": 2,
    "spark.executor.memory": "512m",
    "spark.driver.defaultJavaOptions": QUICK,
    "spark.executor.defaultJavaOptions": QUICK,
}
DEFAULTS: dict[str, Any] = {
    "objective": "objectives:learns_from_data",
    "space": {"x": uniform(0, 1)},
    "pruner": "objectives:OddAtThree",
    "execution": {"shared_data": "objectives:load"},
    "conf": CONF,
    "env_vars": {"HADOOP_CONF_DIR": f"{HOME}/hadoop"},
    "retries": 1,
    "retry_delay": timedelta(seconds=0),
    "seed": 5,
}


def study(dag_id: str, **given: Any) -> None:
    """Make a DAG with one study."""
    with DAG(dag_id, schedule=None):
        SparkTuneOperator(task_id="tune", **{**DEFAULTS, **given})


gated = {"gate": f"{HOME}/{{{{ run_id }}}}", "sleep": 0.05}
study("yarn_client", conn_id="yarn_client", max_evals=16, objective_kwargs=gated)
study(
    "yarn_cluster",
    conn_id="yarn",
    max_evals=16,
    objective="objectives:learns_with_cores",
    objective_kwargs=gated,
    execution={"shared_data": "objectives:load", "trial_resources": {"cpus": 2}},
)
study("yarn_endless", conn_id="yarn", max_evals=1000, objective_kwargs={"sleep": 0.2}, durable=False)
study("yarn_short", conn_id="yarn", max_evals=3, retries=0, conf={**CONF, "spark.yarn.maxAppAttempts": 1})
