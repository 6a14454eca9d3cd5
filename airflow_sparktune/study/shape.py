"""The shape of what a journal holds, checked as it is read: a study folder is open to others too."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]

# The last moment that a calendar of four-digit years can name.
_LAST_MOMENT = 253_402_300_799


def whole(value: Any) -> bool:
    """A count or a number of something: 0, 1, 2, ..."""
    return type(value) is int and value >= 0


def number(value: Any) -> bool:
    """A finite number."""
    return (type(value) is float and math.isfinite(value)) or type(value) is int


def moment(value: Any) -> bool:
    """Seconds since 1970."""
    return number(value) and 0 <= value <= _LAST_MOMENT


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def group(value: Any) -> bool:
    """An object: values by name."""
    return isinstance(value, Mapping)


def seconds(value: Any) -> bool:
    """How long something took: a finite number, 0 or more."""
    return number(value) and value >= 0


def figures(value: Any) -> bool:
    """Seconds by name."""
    return group(value) and all(map(seconds, value.values()))


def optional(fits: Fits) -> Fits:
    """What fits, or nothing."""
    return lambda value: value is None or fits(value)


def several(fits: Fits) -> Fits:
    """A list of what fits."""
    return lambda value: isinstance(value, (list, tuple)) and all(map(fits, value))


def require(fields: Mapping[str, Fits], data: Any, *, what: str) -> None:
    """Raise ValueError where `data` is no object, or for the first of its fields that does not fit.

    >>> require({"seed": whole}, {"seed": -1}, what="an opened event")
    Traceback (most recent call last):
    ValueError: seed of an opened event cannot be -1
    """
    if not group(data):
        raise ValueError(f"{what} cannot be {data!r}")
    for name, fits in fields.items():
        if not fits(data.get(name)):
            raise ValueError(f"{name} of {what} cannot be {data.get(name)!r}")
