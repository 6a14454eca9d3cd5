"""Retune an unchanged hyperopt script against a champion.

The script minimises its loss by `fmin`. The task then compares its best trials with the champion on record,
by repeats that do not involve the script.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_sparktune import Confirm, Retuning, SparkTuneOperator


@dag(schedule="@weekly", max_active_runs=1, tags=["sparktune"], doc_md=__doc__)
def retune_existing_script():
    tune = SparkTuneOperator(
        task_id="tune",
        application="demand_search.py",
        application_args=["{{ ds }}"],
        retuning=Retuning(incumbent="champion", confirm=Confirm(repeats=3)),
    )

    @task
    def train(hparams: dict, ds: str) -> dict:
        import demand

        demand.fit(hparams, ds)
        return hparams

    train(tune.output)


retune_existing_script()
