"""Let a person approve a new champion before it goes to production.

`promote="manual"` leaves the old champion in office until the last task says otherwise: a rejected
challenger, or a training that failed, never becomes what the next retuning compares with.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task
from airflow.sdk.definitions.asset import Model

from airflow_sparktune import SparkTuneOperator, promote_champion
from airflow_sparktune.space import loguniform

CHAMPION = Model("approved-demand-champion")
FORM = """
{% set found = ti.xcom_pull(task_ids="tune", key="tuning_result") %}
{{ found["decision_reason"] }}

New hyperparameters: `{{ found["best_params"] }}`

[Trials and confirmation](/sparktune/dags/{{ dag.dag_id }}/tasks/tune/runs/{{ run_id | urlencode }}/)
"""


@dag(schedule="@weekly", max_active_runs=1, tags=["sparktune"], doc_md=__doc__)
def approve_production():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="demand:validation_loss",
        objective_kwargs={"week": "{{ ds }}"},
        space={"alpha": loguniform(1e-4, 10.0), "gamma": loguniform(0.1, 1000.0)},
        max_evals=12,
        seed=7,
        incumbent="champion",
        confirm={"repeats": 3, "objective_kwargs": {"rows": "holdout"}},
        promote="manual",
        on_no_improvement="skip",
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Replace the champion of the demand model?",
        body=FORM,
        execution_timeout=timedelta(days=2),
    )

    @task
    def train(hparams: dict, ds: str) -> None:
        import demand

        demand.fit(hparams, ds)

    tune >> approve >> train(tune.output) >> promote_champion(tune.output["study"], production=CHAMPION)


approve_production()
