"""The checks of the spec fields for retuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.rule import Guardrail, Margin
from airflow_sparktune.study.json_values import plain, scalar, shown

# The fields that can also be set for a script, which builds its own spec.
FIELDS = (
    "incumbent", "incumbent_mismatch", "on_broken_incumbent", "confirm", "replace_margin", "guardrails",
    "promote", "segment", "warm_start", "warm_start_share", "budget_slot_hours",
)  # fmt: skip
CHAMPION, PREVIOUS = "champion", "previous"


def incumbent(name: str, value: Any) -> str | dict[str, Any]:
    """Require 'champion', 'previous' or the params of the incumbent."""
    checks.not_quoted(name, value)
    if value in (CHAMPION, PREVIOUS):
        return str(value)
    if not isinstance(value, Mapping) or not value:
        raise SpecError(
            f"{name} must be 'champion' (the one on record), 'previous' (the winner of the last study) or an "
            f"object of params by name, got {shown(value)}"
        )
    params: dict[str, Any] = plain(value, what=name)
    return params


def margin(name: str, value: Any) -> float | str:
    """Require a difference of losses, or a percentage."""
    return Margin.parse(name, value).to_json()


def guardrails(name: str, value: Any) -> dict[str, Any]:
    """Require limits on other metrics, by the name of the metric."""
    checks.not_quoted(name, value)
    return {rail.metric: rail.to_json() for rail in Guardrail.parse_all(name, value)}


def warm_start(name: str, value: Any) -> str | int | list[dict[str, Any]]:
    """Require earlier studies or params as starting points of the search."""
    checks.not_quoted(name, value)
    value = scalar(value)
    match value:
        case str() if value.isdecimal():
            return checks.whole(1, "it is the number of earlier studies that give points")(name, value)
        case str() if value == PREVIOUS or "/" in value:
            return value
        case int() if not isinstance(value, bool):
            return checks.whole(1, "it is the number of earlier studies that give points")(name, value)
        case Sequence() if not isinstance(value, str):
            return checks.points(name, value)
    raise SpecError(
        f"{name} must be 'previous', a number of earlier studies, a study's address or a list of params, "
        f"got {shown(value)}"
    )


def one_of(*words: str) -> Callable[[str, Any], str]:
    """Return a check for one of `words`."""

    def check(name: str, value: Any) -> str:
        if value not in words:
            raise SpecError(f"{name} must be one of {', '.join(words)}, got {shown(value)}")
        return str(value)

    return check
