"""Engines run trials in slots; each file is one place to run them.

To add an engine, write it in a file here and construct it in `create`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, assert_never

from airflow_sparktune.driver.engines.base import Engine, Work
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.imported import ImportedObjective
from airflow_sparktune.executor.objective import load
from airflow_sparktune.executor.shared import Shared
from airflow_sparktune.study.definition import RunTrialsOn, Spec


def create(spec: Spec, *, parallelism: int | None = None) -> Engine:
    """Return the engine that runs the trials of a spec; its `start` starts Spark.

    Studies that share it run at most `parallelism` trials together.
    """
    from airflow_sparktune.driver.engines.on_driver import DriverEngine
    from airflow_sparktune.driver.engines.spark import SparkEngine
    from airflow_sparktune.driver.spark.session import start_context, start_session

    name, execution = f"sparktune {spec.objective}", spec.execution
    match execution.run_trials_on:
        case RunTrialsOn.EXECUTORS:
            connect = partial(
                start_context,
                name,
                fresh_workers=execution.fresh_workers,
                resources=execution.trial_resources,
            )
            return SparkEngine(connect, parallelism=parallelism)
        case RunTrialsOn.DRIVER:
            return DriverEngine(
                lambda: start_session(name, trials_on_executors=False).sparkContext,
                slots=spec.parallelism or 1,
            )
        case never:
            assert_never(never)


def work_of(spec: Spec) -> Work:
    """Return the work of a study with a spec that has the engine to itself."""
    return Work(objective=lambda: objective_of(spec, shared_of(spec)), parallelism=spec.parallelism)


def shared_of(spec: Spec) -> Shared[Any] | None:
    """Return what `execution.shared_data` returns, None without it."""
    name = spec.execution.shared_data
    return Shared(_shared_data(name)) if name else None


def objective_of(spec: Spec, shared: Shared[Any] | None) -> ImportedObjective:
    """Return the objective of a spec with the data that its trials share."""
    return ImportedObjective(
        spec.objective,
        spec.objective_kwargs,
        shared,
        confirm_kwargs=spec.rule.confirm.objective_kwargs,
        metric=spec.metric,
    )


def _shared_data(name: str) -> Any:
    make = load(name)
    if not callable(make):
        raise ObjectiveError(
            f"execution.shared_data {name!r} must be a function that returns the data, got "
            f"{type(make).__name__}"
        )
    try:
        return make()
    except SystemExit as error:  # otherwise the driver would exit without a message
        raise ObjectiveError(
            f"execution.shared_data {name!r} must return the data, but it exited: {error}"
        ) from error
