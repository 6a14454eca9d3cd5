"""The checks of the fields by which a study compares itself with what is in production."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.plain import plain, scalar
from airflow_sparktune.study.retuning.rule import Confirm, Guardrail, Margin
from airflow_sparktune.study.spec import checks

# The fields that a script, which makes its own spec, can be given too.
FIELDS = (
    "incumbent", "incumbent_mismatch", "on_broken_incumbent", "confirm", "replace_margin", "guardrails",
    "promote", "segment", "warm_start", "warm_start_share", "budget_slot_hours",
)  # fmt: skip
CHAMPION, PREVIOUS = "champion", "previous"


def incumbent(name: str, value: Any) -> str | dict[str, Any]:
    """Require a source of the incumbent, or its params."""
    if value in (CHAMPION, PREVIOUS):
        return str(value)
    if not isinstance(value, Mapping) or not value:
        raise SpecError(
            f"{name} must be 'champion' (what is on record), 'previous' (the winner of the last study) or an "
            f"object of params by name, got {value!r}"
        )
    params: dict[str, Any] = plain(value, what=name)
    return params


def confirm(name: str, value: Any) -> dict[str, Any]:
    """Require the settings of a confirmation, as `Confirm` reads them."""
    return Confirm.parse(name, value).to_json()


def margin(name: str, value: Any) -> float | str:
    """Require a difference of losses, or a percentage."""
    return Margin.parse(name, value).to_json()


def guardrails(name: str, value: Any) -> dict[str, Any]:
    """Bounds on other metrics, by metric."""
    return {rail.metric: rail.to_json() for rail in Guardrail.parse_all(name, value)}


def warm_start(name: str, value: Any) -> str | int | list[dict[str, Any]]:
    """Require earlier studies, or params, to start the search from."""
    value = scalar(value)
    match value:
        case str() if value.isdecimal():
            return checks.whole(1, "it is how many of the last studies give points")(name, value)
        case str() if value == PREVIOUS or "/" in value:
            return value
        case int() if not isinstance(value, bool):
            return checks.whole(1, "it is how many of the last studies give points")(name, value)
        case Sequence() if not isinstance(value, str):
            return checks.points(name, value)
    raise SpecError(
        f"{name} must be 'previous', a number of the last studies, a study's address or a list of params, "
        f"got {value!r}"
    )


def share(name: str, value: Any) -> float:
    """Require a share above 0, up to 1."""
    number = checks.finite(name, value)
    if not 0 < number <= 1:
        raise SpecError(f"{name} must be a share above 0 and at most 1, got {value!r}")
    return number


def positive(name: str, value: Any) -> float:
    """Require a number above 0."""
    number = checks.finite(name, value)
    if number <= 0:
        raise SpecError(f"{name} must be above 0, got {value!r}; leave it unset to have no such bound")
    return number


def one_of(*words: str) -> Callable[[str, Any], str]:
    """Return the check for one of a few words."""

    def check(name: str, value: Any) -> str:
        if value not in words:
            raise SpecError(f"{name} must be one of {', '.join(words)}, got {value!r}")
        return str(value)

    return check
