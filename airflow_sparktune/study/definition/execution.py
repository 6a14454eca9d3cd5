"""The settings of the driver and of the processes that run trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.checks import RunTrialsOn
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group
from airflow_sparktune.study.json_values import shown


def _gpus(name: str, value: Any) -> int | float:
    """Require a number of GPUs, or the share of one."""
    number = checks.real(value)
    if number is None or not (number == number // 1 >= 0 or 0 < number <= 0.5):
        raise SpecError(
            f"{name} must be a whole number, or a share of one GPU of at most 0.5, got {shown(value)}; "
            "with 0.5, two trials share a GPU"
        )
    return int(number) if number == number // 1 else number


@dataclass(frozen=True, kw_only=True)
class TrialResources(Group):
    """The cores and GPUs of a trial.

    >>> TrialResources.parse("trial_resources", {"cpus": 4, "gpus": "0.5"})
    TrialResources(cpus=4, gpus=0.5)
    """

    cpus: int = declared(
        checks.whole(1, "it is the number of cores of a trial"),
        takes="count",
        doc="The number of cores, and of threads of BLAS and OpenMP.",
        default=1,
    )
    gpus: int | float = declared(
        _gpus,
        takes="number",
        doc="The number of GPUs, or a share of one: with 0.5, two trials share a GPU.",
        default=0,
    )


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
        doc="Run each trial in a new Python process. Trials with GPUs always do.",
        default=False,
    )
    trial_resources: TrialResources | None = declared(
        TrialResources.parse,
        takes="object",
        doc="The `cpus` and `gpus` that each trial gets. Unset: what Spark's settings give to a task, by "
        "default one core.",
        default=None,
        example='{"cpus": 4, "gpus": 1}',
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
