"""Contenders under confirmation, with the losses of their repeats."""

from __future__ import annotations

from airflow_sparktune.study.definition.rule import DecisionRule, Guardrail
from airflow_sparktune.study.record.contender import Contender, Repeat

RULE = DecisionRule()
NOISE = (0.01, -0.02, 0.015, -0.005, 0.0)


def contender(number: int, *losses: float | None, search: float | None = 0.5, **metrics: float) -> Contender:
    repeats = {at: Repeat(loss, metrics) for at, loss in enumerate(losses, start=1)}
    return Contender(number, {"x": number}, search, repeats)


def around(
    number: int, mean: float, *, search: float | None = 0.5, shift: int = 0, **metrics: float
) -> Contender:
    """Return a contender with five repeats around a mean, with a little noise."""
    noise = NOISE[shift:] + NOISE[:shift]
    return contender(number, *(mean + item for item in noise), search=search, **metrics)


def rails(**bounds: object) -> DecisionRule:
    return DecisionRule(guardrails=Guardrail.parse_all("guardrails", bounds))
