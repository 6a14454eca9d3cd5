"""The scenarios of the integration tests, one DAG each."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.definitions.asset import Model

from airflow_sparktune import After, Confirm, Retuning, SparkTuneOperator
from airflow_sparktune.space import uniform

SPACE = {"x": uniform(0, 1)}
REGIONS = Model("regions-champions")
AT_ONCE = timedelta(seconds=0)


@dag(schedule=None)
def resumed():
    """Run long enough to be killed halfway."""
    SparkTuneOperator(
        task_id="tune",
        objective="objectives:quadratic",
        objective_kwargs={"sleep": 0.3},
        space=SPACE,
        max_evals="{{ 15 * 2 }}",
        parallelism=2,
        seed=5,
        retries=1,
        retry_delay=AT_ONCE,
    )


@dag(schedule=None)
def tracked():
    """Run with pruning and a mirror in MLflow, long enough to be killed twice."""
    SparkTuneOperator(
        task_id="tune",
        objective="objectives:learns",
        objective_kwargs={"sleep": 0.08},
        pruner="objectives:OddAtThree",
        space=SPACE,
        max_evals=30,
        parallelism=2,
        seed=5,
        tracking="mlflow_test",
        retries=2,
        retry_delay=AT_ONCE,
    )


@dag(schedule=None)
def endless():
    SparkTuneOperator(
        task_id="tune",
        objective="objectives:quadratic",
        objective_kwargs={"sleep": 1},
        space=SPACE,
        max_evals=1000,
        parallelism=2,
    )


@dag(schedule=None)
def misspelled():
    SparkTuneOperator(
        task_id="tune",
        objective="objectivs:quadratic",
        space=SPACE,
        max_evals=3,
        retries=6,
        retry_delay=AT_ONCE,
    )


@dag(schedule=None)
def chained():
    """Run a decorated objective with an argument from a task, and a mapped downstream task."""

    @task
    def target() -> float:
        return 0.25

    @task.sparktune(space=SPACE, max_evals=6, parallelism=2, seed=3)
    def tune(params, by, trial):
        return {"loss": (params["x"] - by) ** 2, "number": trial.number}

    @task
    def consume(hparams: dict) -> float:
        return hparams["x"]

    consume(tune(target()))


@dag(schedule=None)
def mapped():
    """Run two map indexes at once, and a task that is mapped over their results."""
    tune = SparkTuneOperator.partial(
        task_id="tune", objective="objectives:shifted", space=SPACE, max_evals=4, parallelism=1, seed=1
    ).expand(objective_kwargs=[{"by": 0.1}, {"by": 0.9}])

    @task
    def consume(hparams: dict) -> float:
        return hparams["x"]

    consume.expand(hparams=tune.output)


@dag(schedule=None)
def scripted():
    """Run a user's hyperopt script as the application."""
    SparkTuneOperator(task_id="tune", application="fmin_script.py", application_args=["0.4"])


@dag(schedule=None)
def weekly_segments():
    """Tune three regions in one application; in the second week, one changes and one has no data."""
    tune = SparkTuneOperator(
        task_id="tune",
        objective="objectives:weekly",
        objective_kwargs={"week": "{{ ds }}"},
        space=SPACE,
        max_evals=12,
        seed=5,
        segments={name: {"region": name} for name in ("drifts", "stays", "fails")},
        on_failed_segments="skip",
        retuning=Retuning(incumbent="champion", margin=0.01, confirm=Confirm(repeats=3, top=2)),
        production=REGIONS,
        after=After(on_no_improvement="skip"),
        retries=1,
        retry_delay=AT_ONCE,
    )

    @task
    def train(result: dict) -> str:
        return result["segment"]

    train.expand(result=tune.output)


scripted()
weekly_segments()
resumed()
tracked()
endless()
misspelled()
chained()
mapped()
