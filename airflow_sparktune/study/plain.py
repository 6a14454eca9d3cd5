"""Plain JSON values: what may enter a spec, a journal or XCom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.errors import SpecError


def scalar(value: Any) -> Any:
    """A numpy scalar as Python's own number, truth value or text; anything else as it is."""
    # By its looks, for this room does not import numpy.
    if getattr(value, "shape", None) != () or not callable(getattr(value, "item", None)):
        return value
    item = value.item()
    return item if isinstance(item, (bool, int, float, str)) else value


def plain(value: Any, *, what: str) -> Any:
    """`value` as JSON gives it back: tuples become lists, numpy scalars become Python's.

    Raises SpecError for what JSON cannot hold, naming the place inside `what`.

    >>> plain({"layers": (64, 32)}, what="objective_kwargs")
    {'layers': [64, 32]}
    """
    value = scalar(value)
    match value:
        case None | bool():
            return value
        case str():
            # An enumeration's member or numpy's text becomes the text that JSON would hold.
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise SpecError(f"{what} must be a finite number, got {value}; JSON has no such value")
            return float(value)
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise SpecError(f"{what} must have text keys, got {key!r}; write {str(key)!r}")
            return {str.__str__(key): plain(item, what=f"{what}[{key!r}]") for key, item in value.items()}
        case list() | tuple():
            return [plain(item, what=f"{what}[{index}]") for index, item in enumerate(value)]
    raise SpecError(
        f"{what} must be plain JSON (text, numbers, true, false, null, lists, objects), got "
        f"{type(value).__name__}; pass a name or a path, and build the object inside the objective"
    )
