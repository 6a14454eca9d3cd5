"""Check the signature of an objective against the arguments that it will get."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from airflow_sparktune.errors import ObjectiveError

# Parameters that the package fills in if an objective has them.
EXTRAS = frozenset({"trial", "shared_data"})

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


def extras_wanted(
    name: str, signature: inspect.Signature, *, given: Iterable[str], extras: frozenset[str] = EXTRAS
) -> frozenset[str]:
    """Return the members of `extras` for which the objective `name` has a parameter.

    `given` are the names of objective_kwargs. Raises ObjectiveError if the signature does not accept the
    params, `given` and the extras.
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
