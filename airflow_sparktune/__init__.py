"""Hyperparameter retuning for Airflow on Spark.

Public names are imported on first use, so importing the package costs a DAG processor, a Spark driver or a
Python worker nothing. The errors have no dependencies and are imported at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_sparktune import errors
from airflow_sparktune.errors import *  # noqa: F403 - re-exported: see __all__
from airflow_sparktune.version import __version__

if TYPE_CHECKING:
    from airflow_sparktune.driver.fmin.spark_trials import SparkTrials as SparkTrials
    from airflow_sparktune.executor.objective import TrialPruned as TrialPruned
    from airflow_sparktune.executor.reports.reporting import current_trial as current_trial
    from airflow_sparktune.executor.shared import shared as shared
    from airflow_sparktune.loaded_study import load_study as load_study
    from airflow_sparktune.orchestrator.arguments import After as After
    from airflow_sparktune.orchestrator.operator import SparkTuneOperator as SparkTuneOperator
    from airflow_sparktune.orchestrator.promote import promote_champion as promote_champion
    from airflow_sparktune.orchestrator.submitters.collect import CollectStudyOperator as CollectStudyOperator
    from airflow_sparktune.orchestrator.submitters.prepare import prepare_study as prepare_study
    from airflow_sparktune.study.definition.confirm import Confirm as Confirm
    from airflow_sparktune.study.definition.execution import Execution as Execution
    from airflow_sparktune.study.definition.limits import Limits as Limits
    from airflow_sparktune.study.definition.retuning import Retuning as Retuning
    from airflow_sparktune.study.definition.warm_start import WarmStart as WarmStart

_HOMES = {
    "After": "airflow_sparktune.orchestrator.arguments",
    "CollectStudyOperator": "airflow_sparktune.orchestrator.submitters.collect",
    "Confirm": "airflow_sparktune.study.definition.confirm",
    "Execution": "airflow_sparktune.study.definition.execution",
    "Limits": "airflow_sparktune.study.definition.limits",
    "Retuning": "airflow_sparktune.study.definition.retuning",
    "SparkTrials": "airflow_sparktune.driver.fmin.spark_trials",
    "SparkTuneOperator": "airflow_sparktune.orchestrator.operator",
    "TrialPruned": "airflow_sparktune.executor.objective",
    "WarmStart": "airflow_sparktune.study.definition.warm_start",
    "current_trial": "airflow_sparktune.executor.reports.reporting",
    "load_study": "airflow_sparktune.loaded_study",
    "prepare_study": "airflow_sparktune.orchestrator.submitters.prepare",
    "promote_champion": "airflow_sparktune.orchestrator.promote",
    "shared": "airflow_sparktune.executor.shared",
}

__all__ = ["__version__", *_HOMES]
__all__ += errors.__all__


def __getattr__(name: str) -> Any:
    if name == "gp":  # a script around fmin names it after a plain import of the package
        return import_module("airflow_sparktune.gp")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
