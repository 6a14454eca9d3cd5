"""Retune one model per shop: the same tuning for all segments, each with its own champion.

A segment is identified by its name, not by its index, so that shops can be added, removed and reordered. A
shop that keeps its champion trains nothing; each training task gets the name of its shop with the result.

`retune_segments` maps the tuning: one task, and one Spark application, for each shop.
`retune_segments_together` tunes all shops in one application, which starts Spark once and shares its slots.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_sparktune import After, Confirm, Retuning, SparkTuneOperator
from airflow_sparktune.space import loguniform

SHOPS = ("berlin", "lyon", "porto")
STUDY = {
    "task_id": "tune",
    "objective": "demand:validation_loss",
    "space": {"alpha": loguniform(1e-4, 10.0), "gamma": loguniform(0.1, 1000.0)},
    "max_evals": 12,
    "seed": 7,
    "retuning": Retuning(
        incumbent="champion",
        confirm=Confirm(repeats=3, top=2, objective_kwargs={"rows": "holdout"}),
    ),
}


@task(map_index_template="{{ result['segment'] }}")
def train(result: dict, ds: str) -> dict:
    import demand

    demand.fit(result["best_params"], ds, shop=result["segment"])
    return {"segment": result["segment"], "params": result["best_params"]}


@dag(schedule="@weekly", max_active_runs=1, tags=["sparktune"], doc_md=__doc__)
def retune_segments():
    @task
    def shops(ds: str) -> list[dict]:
        return [{"segment": shop, "objective_kwargs": {"week": ds, "shop": shop}} for shop in SHOPS]

    tune = SparkTuneOperator.partial(
        **STUDY,
        after=After(on_no_improvement="skip", xcom_return="summary"),
        max_active_tis_per_dagrun=2,  # each segment starts a JVM
        map_index_template="{{ task.segment }}",
    ).expand_kwargs(shops())
    train.expand(result=tune.output)


@dag(schedule="@weekly", max_active_runs=1, tags=["sparktune"], doc_md=__doc__)
def retune_segments_together():
    @task
    def shops() -> list[dict]:
        return [{"name": shop, "objective_kwargs": {"shop": shop}} for shop in SHOPS]

    tune = SparkTuneOperator(
        **STUDY,
        objective_kwargs={"week": "{{ ds }}"},
        segments=shops(),
        after=After(on_no_improvement="skip"),
    )
    train.expand(result=tune.output)


retune_segments()
retune_segments_together()
