"""The checks of a spec that concern several fields together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition.checks import RunTrialsOn
from airflow_sparktune.study.definition.group import as_written
from airflow_sparktune.study.json_values import shown
from airflow_sparktune.study.space import parse
from airflow_sparktune.study.space.match import parameters, point_of

if TYPE_CHECKING:
    from airflow_sparktune.study.definition.spec import Spec


def check_points(spec: Spec) -> None:
    """Raise SpecError if a point of `points_to_evaluate` is none of the space.

    The driver checks points of a space that only it imports.
    """
    if spec.points_to_evaluate and not isinstance(spec.space, str):
        tree = parameters(parse(spec.space))
        for index, params in enumerate(spec.points_to_evaluate):
            point_of(tree, params, at=f"points_to_evaluate[{index}]")


def check_combinations(spec: Spec) -> None:
    """Raise SpecError if fields contradict each other."""
    retuning, most = spec.retuning, spec.limits.max_failures
    if retuning.incumbent is None:
        for name in ("confirm", "margin"):
            if value := getattr(retuning, name):
                raise SpecError(
                    f"retuning.{name} must go with an incumbent, got {shown(as_written(value))} without one; "
                    "add incumbent: champion to retuning"
                )
        relative = [rail.metric for rail in spec.rule.guardrails if rail.relative]
        if relative:
            raise SpecError(
                f"retuning.guardrails must have max_drop and max_rise with an incumbent only, got them for "
                f"{relative[0]!r} without one; write max or min, or add incumbent: champion to retuning"
            )
    elif retuning.confirm and spec.max_evals is not None and retuning.confirm.top >= spec.max_evals:
        raise SpecError(
            f"retuning.confirm.top must be below max_evals because the incumbent is one of the trials, got "
            f"{retuning.confirm.top} candidates of {spec.max_evals} trials"
        )
    if spec.execution.run_trials_on is RunTrialsOn.DRIVER and spec.execution.fresh_workers:
        raise SpecError(
            "execution.fresh_workers must be left unset with run_trials_on='driver', got True; "
            "trials on the driver use no Python worker of Spark"
        )
    if spec.execution.run_trials_on is RunTrialsOn.DRIVER and spec.execution.trial_resources:
        raise SpecError(
            "execution.trial_resources must be left unset with run_trials_on='driver', got "
            f"{shown(as_written(spec.execution.trial_resources))}; set the resources of the tasks that a "
            "trial starts in conf, such as spark.task.cpus"
        )
    if isinstance(most, float) and spec.max_evals is None:
        raise SpecError(
            f"limits.max_failures must be a count where max_evals is unset, got the share {most}; "
            "set max_evals, or write a whole number"
        )
