"""The parameters of an objective: the first gets the params, some are filled in, others are given."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from airflow_sparktune.errors import ObjectiveError

# Parameters, besides the first, that are filled in where an objective has them.
EXTRAS = frozenset({"trial", "shared_data"})

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


def extras_wanted(
    name: str, signature: inspect.Signature, *, given: Iterable[str], extras: frozenset[str] = EXTRAS
) -> frozenset[str]:
    """Return those of `extras` that the objective `name` has a parameter for.

    `given` are the names of objective_kwargs. Raises ObjectiveError where the params, they and the extras do
    not fit the signature.
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
            f"the objective {name!r} must fit its arguments, got {error} for {name}{signature} with "
            f"objective_kwargs {names}; correct objective_kwargs or the function"
        ) from None
    return wanted
