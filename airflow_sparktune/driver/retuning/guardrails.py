"""Guardrails: limits on the means of other metrics over a candidate's repeats."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from airflow_sparktune.driver.retuning.contender import Contender
from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.retuning.rule import Guardrail


def broken_guardrail(
    guardrails: Sequence[Guardrail], candidate: Contender, incumbent: Contender | None
) -> str | None:
    """Return a description of the first limit that the candidate violates, or None.

    Limits relative to the incumbent are skipped without one.
    """
    return next(_broken(guardrails, candidate, incumbent), None)


def _broken(
    guardrails: Sequence[Guardrail], candidate: Contender, incumbent: Contender | None
) -> Iterator[str]:
    for rail in guardrails:
        value = _mean(candidate, rail.metric)
        if value is None:
            yield f"{rail.metric} is missing in its repeats"
            continue
        if rail.max is not None and value > rail.max:
            yield f"{rail.metric} is {value:.6g}, above {rail.max:g}"
        if rail.min is not None and value < rail.min:
            yield f"{rail.metric} is {value:.6g}, below {rail.min:g}"
        theirs = _mean(incumbent, rail.metric) if incumbent is not None else None
        if theirs is None:
            continue
        if rail.max_drop is not None and theirs - value > rail.max_drop.of(theirs):
            yield f"{rail.metric} drops from {theirs:.6g} to {value:.6g}, more than {rail.max_drop.to_json()}"
        if rail.max_rise is not None and value - theirs > rail.max_rise.of(theirs):
            yield f"{rail.metric} rises from {theirs:.6g} to {value:.6g}, more than {rail.max_rise.to_json()}"


def require_metrics(guardrails: Sequence[Guardrail], metrics: Mapping[str, Any]) -> None:
    """Raise ObjectiveError if a successful trial did not return a metric that a guardrail limits."""
    for rail in guardrails:
        if not shape.number(metrics.get(rail.metric)):
            near = difflib.get_close_matches(rail.metric, metrics, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "return it with the loss, or drop the guardrail"
            returned = ", ".join(sorted(name for name in metrics if shape.number(metrics[name]))) or "none"
            raise ObjectiveError(
                f"guardrails must name numbers that the objective returns, got {rail.metric!r}, but besides "
                f"the loss it returns {returned}; {hint}"
            )


def _mean(contender: Contender, metric: str) -> float | None:
    values: list[Any] = [
        item.metrics.get(metric) for item in contender.repeats.values() if item.loss is not None
    ]
    return fmean(values) if values and all(map(shape.number, values)) else None
