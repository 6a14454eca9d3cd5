"""Retune the production model every week, and change it only if this week's data show an improvement.

The champion on record runs first, on this week's data. The best trials of the search and the champion then
run five more times each, on rows that the search has not seen, in a new split each time. The champion is
replaced if one of them is better by more than noise and 2 %. Only then does the asset get an event, which
starts `train_production`.
"""

from __future__ import annotations

from airflow.sdk import dag
from airflow.sdk.definitions.asset import Model

from airflow_sparktune import Confirm, Retuning, SparkTuneOperator
from airflow_sparktune.space import loguniform

CHAMPION = Model("demand-champion")


@dag(schedule="@weekly", max_active_runs=1, tags=["sparktune"], doc_md=__doc__)
def retune_weekly():
    SparkTuneOperator(
        task_id="tune",
        objective="demand:validation_loss",
        objective_kwargs={"week": "{{ ds }}"},
        space={"alpha": loguniform(1e-4, 10.0), "gamma": loguniform(0.1, 1000.0)},
        max_evals=30,
        seed=7,
        retuning=Retuning(
            incumbent="champion",
            confirm=Confirm(repeats=5, objective_kwargs={"rows": "holdout"}),
            margin="2%",
            guardrails={"worst": {"max_rise": "50%"}},
        ),
        warm_start="previous",
        production=CHAMPION,
        retries=2,
    )


retune_weekly()
