"""Hyperparameter retuning for Airflow on Spark.

Public names are imported when they are first used, so that importing the package costs nothing in a
DAG processor, a Spark driver or a Python worker.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_sparktune.driver.fmin.spark_trials import SparkTrials as SparkTrials
    from airflow_sparktune.orchestrator.operator import SparkTuneOperator as SparkTuneOperator

_HOMES = {
    "SparkTrials": "airflow_sparktune.driver.fmin.spark_trials",
    "SparkTuneOperator": "airflow_sparktune.orchestrator.operator",
}

__all__ = ["SparkTrials", "SparkTuneOperator", "__version__"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
