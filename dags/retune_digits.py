"""Retune a small neural network on handwritten digits, then train it with the best hyperparameters.

The data are scikit-learn's handwritten digits (1,797 images of 8 x 8 pixels; they come with the
package). Batch size, learning rate and momentum are tuned on Spark, one single-task job per
configuration; the loss is the negative log-likelihood on held-out images. The last task trains with
the best hyperparameters and is scored on a test set that the tuning never saw.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import dag, task

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import choice, loguniform, uniform

MODEL = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "models" / "digits.joblib"


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_digits():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="digits:validation_loss",
        space={
            "batch_size": choice([16, 32, 64, 128, 256]),
            "learning_rate": loguniform(1e-4, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        max_evals=24,
        seed=7,
    )

    @task
    def train(hparams: dict) -> dict:
        import digits
        import joblib

        model, accuracy = digits.fit_and_test(**hparams)
        _, default = digits.fit_and_test()
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, MODEL)
        print(f"best hyperparameters: {hparams}")
        print(f"test accuracy: {accuracy:.4f} tuned, {default:.4f} with the defaults")
        return {"accuracy": accuracy, "default_accuracy": default, "model": str(MODEL)}

    train(hparams=tune.output)


retune_digits()
