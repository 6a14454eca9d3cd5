"""Retune the network of `retune_digits`, and stop configurations early that are clearly losing.

The objective reports its loss after each epoch. The pruner stops a trial that is behind three quarters of
those that came as far; the log says at which epoch, and `sparktune show --json` has the curves.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import choice, loguniform, uniform


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_early():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="digits:loss_by_epoch",
        space={
            "batch_size": choice([16, 32, 64, 128, 256]),
            "learning_rate": loguniform(1e-4, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        max_evals=40,
        seed=7,
        pruner="worst",
    )

    @task
    def train(hparams: dict) -> float:
        import digits

        _, accuracy = digits.fit_and_test(**hparams)
        print(f"best hyperparameters: {hparams}, test accuracy: {accuracy:.4f}")
        return accuracy

    train(hparams=tune.output)


retune_early()
