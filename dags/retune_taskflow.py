"""Retune a random forest with the decorator: the function is the objective, and its source is shipped.

The data are scikit-learn's wines (178 rows, included in the package).
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_sparktune.space import choice, loguniform, uniformint


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_taskflow():
    @task.sparktune(
        space={
            "trees": uniformint(10, 80),
            "depth": uniformint(1, 8),
            "criterion": choice(["gini", "entropy"]),
            "alpha": loguniform(1e-5, 1e-1),
        },
        max_evals=12,
        seed=7,
    )
    def tune(params, folds, trial):
        from sklearn.datasets import load_wine
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import cross_val_score

        model = RandomForestClassifier(
            n_estimators=params["trees"],
            max_depth=params["depth"],
            criterion=params["criterion"],
            ccp_alpha=params["alpha"],
            random_state=trial.seed,
        )
        scores = cross_val_score(model, *load_wine(return_X_y=True), cv=folds)
        return {"loss": 1.0 - scores.mean(), "std": scores.std()}

    @task
    def announce(hparams: dict):
        print(f"best hyperparameters: {hparams}")

    announce(tune(folds=3))


retune_taskflow()
