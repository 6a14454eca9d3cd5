"""Check the signature of an objective against the arguments that it will get."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.errors import ObjectiveError
from airflow_sparktune.study.json_values import UNQUOTED, is_numeric

# Parameters that the package fills in if an objective has them.
EXTRAS = frozenset({"trial", "shared_data"})

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


def extras_wanted(
    name: str, signature: inspect.Signature, *, given: Mapping[str, Any], extras: frozenset[str] = EXTRAS
) -> frozenset[str]:
    """Return the members of `extras` for which the objective `name` has a parameter.

    `given` are the objective_kwargs. Raises ObjectiveError if the signature does not accept the params,
    `given` and the extras, or if it has a number where `given` has a number's text.
    """
    first, *others = signature.parameters.values() or [None]
    if first is None or first.kind not in _POSITIONAL:
        raise ObjectiveError(
            f"the objective {name!r} must take the params as its first argument, got {name}{signature}; "
            "write def objective(params): ..."
        )
    wanted = frozenset(item.name for item in others if item) & extras
    names = sorted(given)
    try:
        signature.bind(None, **dict.fromkeys(names), **dict.fromkeys(wanted))
    except TypeError as error:
        raise ObjectiveError(
            f"the objective {name!r} must fit its arguments, got objective_kwargs {names} for "
            f"{name}{signature}: {error}; correct objective_kwargs or the function"
        ) from None
    for key, value in given.items():
        if is_numeric(value) and _is_numbers(signature.parameters.get(key)):
            raise ObjectiveError(
                f"objective_kwargs[{key!r}] must be a number as in the signature of {name!r}, got the text "
                f"{value!r}; {UNQUOTED}"
            )
    return wanted


def _is_numbers(parameter: inspect.Parameter | None) -> bool:
    """Return whether a parameter has a number's annotation, or without any a number as its default."""
    if parameter is None:
        return False
    if parameter.annotation is inspect.Parameter.empty:
        return type(parameter.default) in (int, float)
    # An annotation may be any object, and is text after `from __future__ import annotations`.
    annotation = parameter.annotation
    return annotation is int or annotation is float or str(annotation) in ("int", "float")
