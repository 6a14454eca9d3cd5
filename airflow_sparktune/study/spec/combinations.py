"""The checks of a spec that concern several fields together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.spec.checks import RunTrialsOn

if TYPE_CHECKING:
    from airflow_sparktune.study.spec.spec import Spec


def check_combinations(spec: Spec) -> None:
    """Raise SpecError if fields contradict each other."""
    if spec.incumbent is None:
        for name in ("confirm", "replace_margin", "guardrails"):
            if value := getattr(spec, name):
                raise SpecError(
                    f"{name} must go with an incumbent, got {value!r} without one; add incumbent: champion"
                )
    elif spec.confirm and spec.max_evals is not None and spec.rule.confirm.top >= spec.max_evals:
        raise SpecError(
            f"confirm.top must be below max_evals because the incumbent is one of the trials, got "
            f"{spec.rule.confirm.top} candidates of {spec.max_evals} trials"
        )
    if spec.run_trials_on is RunTrialsOn.DRIVER and spec.fresh_workers:
        raise SpecError(
            "fresh_workers must be left unset with run_trials_on='driver', got True; "
            "trials on the driver use no Python worker of Spark"
        )
    if isinstance(spec.max_failures, float) and spec.max_evals is None:
        raise SpecError(
            f"max_failures must be a count where max_evals is unset, got the share {spec.max_failures}; "
            "set max_evals, or write a whole number"
        )
