"""The packages beyond hyperopt that search algorithms need where the driver runs."""

from __future__ import annotations

from importlib.util import find_spec

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition.checks import OPTUNA

# The algorithm -> its package, and what brings it.
_PACKAGES = {OPTUNA: ("optuna", "optuna"), "atpe": ("lightgbm", "'airflow-sparktune[atpe]'")}


def require_packages(algo: str) -> None:
    """Raise SpecError if this Python lacks the package of an algorithm; imports nothing."""
    package, brought_by = _PACKAGES.get(algo.partition(":")[0], (None, None))
    if package is not None and find_spec(package) is None:
        raise SpecError(
            f"algo {algo!r} needs the package {package!r} where the driver runs, but it is not there; "
            f"pip install {brought_by}, or use algo='auto'"
        )
