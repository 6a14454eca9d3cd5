"""Guardrails: limits on the metrics of a candidate's repeats."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.metric import LARGEST_LOSS, Metric
from airflow_sparktune.study.record.contender import Contender


def broken_guardrail(
    rule: DecisionRule, candidate: Contender, incumbent: Contender | None, *, first: bool = False
) -> str | None:
    """Return a description of the first limit that the candidate violates, or None.

    `incumbent` is None if it was not measured; with `first`, there is none, and limits relative to it do not
    apply.
    """
    return next(_broken(rule, candidate, incumbent, first=first), None)


def _broken(
    rule: DecisionRule, candidate: Contender, incumbent: Contender | None, *, first: bool
) -> Iterator[str]:
    for rail in rule.guardrails:
        name = rail.metric
        values = _values(candidate, name, rule.metric)
        if not values:
            yield f"{name} was not measured in all its repeats"
            continue
        value, lowest, highest = fmean(values), min(values), max(values)
        if rail.max is not None and value > rail.max:
            yield f"{name} is {value:.6g}, above {rail.max:g}"
        if rail.min is not None and value < rail.min:
            yield f"{name} is {value:.6g}, below {rail.min:g}"
        if rail.each_max is not None and highest > rail.each_max:
            yield f"{name} is {highest:.6g} in one repeat, above {rail.each_max:g}"
        if rail.each_min is not None and lowest < rail.each_min:
            yield f"{name} is {lowest:.6g} in one repeat, below {rail.each_min:g}"
        if first or (rail.max_drop is None and rail.max_rise is None):
            continue
        base = _values(incumbent, name, rule.metric) if incumbent is not None else []
        if not base:
            yield f"{name} of the incumbent was not measured, so max_drop and max_rise cannot be checked"
            continue
        theirs = fmean(base)
        if rail.max_drop is not None and theirs - value > rail.max_drop.of(theirs):
            yield f"{name} drops from {theirs:.6g} to {value:.6g}, more than {rail.max_drop.to_json()}"
        if rail.max_rise is not None and value - theirs > rail.max_rise.of(theirs):
            yield f"{name} rises from {theirs:.6g} to {value:.6g}, more than {rail.max_rise.to_json()}"


def require_metrics(rule: DecisionRule, metrics: Mapping[str, Any]) -> None:
    """Raise ObjectiveError if a successful trial did not return a metric that a guardrail limits."""
    for rail in rule.guardrails:
        if rail.metric != rule.metric.name and not shape.number(metrics.get(rail.metric)):
            near = difflib.get_close_matches(rail.metric, metrics, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "return it with the loss, or drop the guardrail"
            returned = ", ".join(sorted(name for name in metrics if shape.number(metrics[name]))) or "none"
            raise ObjectiveError(
                f"retuning.guardrails must name numbers that the objective returns, got {rail.metric!r}, but "
                f"besides the {rule.metric.name} it returns {returned}; {hint}"
            )


def _values(contender: Contender, name: str, metric: Metric) -> list[float]:
    """Return the metric in each successful repeat; nothing if one of them has no number, or one too large."""
    losses = contender.losses
    if name == metric.name:
        return [metric.shown(loss) for loss in losses.values()]
    values: list[Any] = [contender.repeats[number].metrics.get(name) for number in losses]
    return values if all(shape.number(value) and abs(value) <= LARGEST_LOSS for value in values) else []
