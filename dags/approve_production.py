"""Let a person approve a new champion before it goes to production.

The form shows the difference, and links to the Tuning tab. With `promote="manual"`, the old champion stays on
record until the last task promotes the new one. A challenger that was rejected, or whose training failed, is
therefore never the champion that the next retuning compares with.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task
from airflow.sdk.definitions.asset import Model

from airflow_sparktune import After, Confirm, Retuning, SparkTuneOperator, promote_champion
from airflow_sparktune.space import loguniform

CHAMPION = Model("approved-demand-champion")
MODEL = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "models" / "approved.joblib"
FORM = """
{% set found = ti.xcom_pull(task_ids="tune", key="tuning_result") %}
**{{ found["decision"] }}**: {{ found["decision_reason"] }}

| | hyperparameters | mean loss |
|---|---|---|
{% for each in found["confirmation"]["candidates"] if each["standing"] == "won" -%}
| new | `{{ each["params"] }}` | {{ each["mean"] }} |
{% endfor -%}
{% set champion = found["confirmation"]["incumbent"] -%}
{% if champion -%}
| in production | `{{ champion["params"] }}` | {{ champion["mean"] }} |
{% endif %}
[Every trial and repeat]({{ ti.log_url.partition("/tasks/")[0] }}/tasks/tune/plugin/tuning)
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
        retuning=Retuning(
            incumbent="champion",
            confirm=Confirm(repeats=3, objective_kwargs={"rows": "holdout"}),
            promote="manual",
        ),
        after=After(on_no_improvement="skip"),
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Replace the champion of the demand model?",
        body=FORM,
        response_timeout=timedelta(days=2),
    )

    @task
    def train(hparams: dict, ds: str) -> str:
        import demand
        import joblib

        MODEL.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(demand.fit(hparams, ds), MODEL)
        return str(MODEL)

    tune >> approve >> train(tune.output) >> promote_champion(tune.output["study"], production=CHAMPION)


approve_production()
