"""The settings of the driver and of the processes that run trials."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.checks import RunTrialsOn
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group


@dataclass(frozen=True, kw_only=True)
class Execution(Group):
    """Settings of the driver and of the processes that run trials."""

    run_trials_on: RunTrialsOn = declared(
        checks.run_trials_on,
        takes="executors or driver",
        doc="`executors` for models that train on one machine, `driver` for trials that use the whole "
        "cluster themselves (Spark MLlib).",
        default=RunTrialsOn.EXECUTORS,
        identity=True,
    )
    shared_data: str | None = declared(
        checks.reference,
        takes="module:function",
        doc="A function that the driver calls once. An objective gets its value in the parameter "
        "`shared_data`.",
        default=None,
        example="churn.data:load",
        identity=True,
    )
    fresh_workers: bool = declared(
        checks.flag,
        takes="flag",
        doc="Run each trial in a new Python process.",
        default=False,
    )
    storage_grace: float = declared(
        checks.seconds,
        takes="seconds",
        doc="How long the study continues while its storage does not respond; results wait in the driver's "
        "memory. A timedelta or seconds.",
        default=600.0,
    )
    log_level: str = declared(
        checks.one_of("trials", "spark"),
        takes="trials or spark",
        doc="`trials` leaves Spark's own lines out of the log, `spark` includes them.",
        default="trials",
        script=True,
    )
    open_spark_ui: bool = declared(
        checks.flag,
        takes="flag",
        doc="Make the Spark UI of a local master reachable from other machines, without a password.",
        default=False,
        script=True,
    )
