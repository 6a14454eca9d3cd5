"""Train the production model when, and only when, `retune_weekly` has replaced its champion.

The asset's event contains the hyperparameters, their improvement, and the address of the study that found
them.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import dag, task
from airflow.sdk.definitions.asset import Model

CHAMPION = Model("demand-champion")
MODEL = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "models" / "demand.joblib"


@dag(schedule=[CHAMPION], tags=["sparktune"], doc_md=__doc__)
def train_production():
    @task
    def train(triggering_asset_events) -> dict:
        import demand
        import joblib

        from airflow_sparktune import load_study

        champion = triggering_asset_events[CHAMPION][-1].extra
        print(f"{champion['decision']}: {champion['reason']}")
        week = load_study(champion["study"]).spec.objective_kwargs["week"]
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(demand.fit(champion["params"], week), MODEL)
        return {"params": champion["params"], "model": str(MODEL)}

    train()


train_production()
