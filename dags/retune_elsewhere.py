"""Retune by an operator that knows nothing of studies: prepare the study, let it submit, collect the result.

Here it is the Spark provider's own operator. One of Databricks, EMR or Dataproc takes its place, with the
same application and arguments. See docs/guides/other-submitters.md.
"""

from __future__ import annotations

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import dag, task

from airflow_sparktune import CollectStudyOperator, prepare_study
from airflow_sparktune.space import choice, loguniform, uniform


@dag(schedule=None, tags=["sparktune"], doc_md=__doc__)
def retune_elsewhere():
    study = prepare_study(
        objective="digits:validation_loss",
        space={
            "batch_size": choice([16, 32, 64, 128, 256]),
            "learning_rate": loguniform(1e-4, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        max_evals=24,
        seed=7,
    )
    run = SparkSubmitOperator(
        task_id="run",
        application=study.output["application"],
        application_args=study.output["arguments"],
    )
    tune = CollectStudyOperator(task_id="tune", study=study.output["study"], deferrable=True)

    @task
    def report(hparams: dict) -> None:
        print(f"best hyperparameters: {hparams}")

    study >> run >> tune
    report(hparams=tune.output)


retune_elsewhere()
