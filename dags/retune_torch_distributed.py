"""Retune a PyTorch network that several processes train together.

Spark's TorchDistributor starts the processes of a trial, which is possible only on the driver:
`run_trials_on="driver"`. Here they run on the driver's machine (`local_mode=True`); on a cluster,
`local_mode=False` runs them as tasks on executors.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import choice, loguniform


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_torch_distributed():
    SparkTuneOperator(
        task_id="tune",
        objective="torch_digits:distributed_loss",
        space={"batch_size": choice([32, 64, 128]), "learning_rate": loguniform(1e-3, 1.0)},
        max_evals=3,
        seed=7,
        execution={"run_trials_on": "driver"},
    )


retune_torch_distributed()
