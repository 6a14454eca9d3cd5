"""Retune a PyTorch network on handwritten digits, follow it in MLflow, then train it with the result.

Batch size, learning rate and momentum are tuned on Spark, one single-task job per configuration. The data are
scikit-learn's handwritten digits, which come with the package. They are `shared_data`: the driver loads them
once, and each host keeps one copy for all of its trials. The objective reports its loss after each epoch, for
the learning curves, and for a `pruner` if the study has one. If MLFLOW_TRACKING_URI is set, the study is
mirrored to that MLflow server.

Needs PyTorch: pip install torch, or `make demo DAG=retune_torch`.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import dag, task

from airflow_sparktune import SparkTuneOperator
from airflow_sparktune.space import choice, loguniform, uniform

MODEL = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "models" / "torch_digits.pt"


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_torch():
    tune = SparkTuneOperator(
        task_id="tune",
        objective="torch_digits:validation_loss",
        execution={"shared_data": "torch_digits:splits"},
        space={
            "batch_size": choice([16, 32, 64, 128, 256]),
            "learning_rate": loguniform(1e-3, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        max_evals=24,
        seed=7,
        tracking="mlflow" if os.environ.get("MLFLOW_TRACKING_URI") else None,
    )

    @task
    def train(hparams: dict) -> dict:
        import torch
        import torch_digits

        model, accuracy = torch_digits.fit_and_test(**hparams)
        _, default = torch_digits.fit_and_test()
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), MODEL)
        print(f"best hyperparameters: {hparams}")
        print(f"test accuracy: {accuracy:.4f} tuned, {default:.4f} with the defaults")
        return {"accuracy": accuracy, "default_accuracy": default, "model": str(MODEL)}

    train(hparams=tune.output)


retune_torch()
