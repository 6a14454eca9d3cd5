"""Pruners stop trials that are clearly losing; each file is one rule.

To add a pruner, write it in a file here and make it in `pruner_of`; CONTRIBUTING lists the other places.
"""

from __future__ import annotations

from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.pruners.folds import FoldsPruner
from airflow_sparktune.driver.pruners.halving import HalvingPruner
from airflow_sparktune.driver.pruners.quantile import QuantilePruner
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.executor.objective import load


def pruner_of(name: str) -> Pruner | None:
    """Return the pruner of a spec, None for "none"; raises ObjectiveError if it cannot be imported."""
    match name:
        case "none":
            return None
        case "worst":
            return QuantilePruner(share=0.75)
        case "median":
            return QuantilePruner(share=0.5)
        case "asha":
            return HalvingPruner()
        case "folds":
            return FoldsPruner()
        case _:
            return _users(name)


def _users(name: str) -> Pruner:
    found = load(name)
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Pruner):
        raise ObjectiveError(
            f"pruner {name!r} must name a class with the method stops(number, step, curves), got "
            f"{type(made).__name__}"
        )
    return made
