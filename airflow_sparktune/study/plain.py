"""Plain JSON values, as specs, journals and XCom hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.journal.bounds import LARGEST_NUMBER, MOST_DEPTH


def scalar(value: Any) -> Any:
    """Return a numpy scalar as a Python number, bool or text; return any other value unchanged."""
    # Duck-typed, because `study` does not import numpy.
    if getattr(value, "shape", None) != () or not callable(getattr(value, "item", None)):
        return value
    item = value.item()
    return item if isinstance(item, (bool, int, float, str)) else value


def plain(value: Any, *, what: str, depth: int = 0) -> Any:
    """Return `value` as a JSON round trip would: tuples become lists, numpy scalars become Python's.

    Raises SpecError for a value that JSON cannot hold, and names its place inside `what`. `depth` is the
    nesting depth of `value`.

    >>> plain({"layers": (64, 32)}, what="objective_kwargs")
    {'layers': [64, 32]}
    """
    value = scalar(value)
    if depth > MOST_DEPTH:
        raise SpecError(f"values must be nested at most {MOST_DEPTH} deep, got more in {what[:200]}")
    match value:
        case None | bool():
            return value
        case str():
            return _plain_text(value, what)
        case int():
            if abs(value) > LARGEST_NUMBER:
                raise SpecError(
                    f"{what} must be a number within 1e300, got one of {int(value).bit_length()} bits"
                )
            return int(value)
        case float():
            if not math.isfinite(value):
                raise SpecError(f"{what} must be a finite number, got {value}; JSON has no such value")
            return float(value)
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise SpecError(f"{what} must have text keys, got {key!r}; write {str(key)!r}")
            below = depth + 1
            return {
                _plain_text(key, what): plain(item, what=f"{what}[{key!r}]", depth=below)
                for key, item in value.items()
            }
        case list() | tuple():
            return [plain(item, what=f"{what}[{index}]", depth=depth + 1) for index, item in enumerate(value)]
    raise SpecError(
        f"{what} must be plain JSON (text, numbers, true, false, null, lists, objects), got "
        f"{type(value).__name__}; pass a name or a path, and build the object inside the objective"
    )


def _plain_text(value: str, what: str) -> str:
    # str.__str__ turns an enum member or a numpy string into the plain text that JSON would hold.
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SpecError(
            f"{what} must be text that UTF-8 can encode, got {text!r}; decode bytes with errors='replace'"
        ) from None
    return text
