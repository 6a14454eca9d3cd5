"""The shape of what a journal holds, checked as it is read: a study folder is open to others too."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from airflow_sparktune.study.journal.bounds import LARGEST_NUMBER

Fits = Callable[[Any], bool]

# The last moment that a calendar of four-digit years can name.
_LAST_MOMENT = 253_402_300_799
_LARGEST_WHOLE = 2**63 - 1


def whole(value: Any) -> bool:
    """Accept a count or a number of something, in 64 bits: 0, 1, 2, ..."""
    return type(value) is int and 0 <= value <= _LARGEST_WHOLE


def truth(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def number(value: Any) -> bool:
    """Accept a finite number that is a float, or could be one."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and abs(value) <= LARGEST_NUMBER


def moment(value: Any) -> bool:
    """Accept seconds since 1970."""
    return number(value) and 0 <= value <= _LAST_MOMENT


def text(value: Any) -> bool:
    """Accept a string."""
    return isinstance(value, str)


def group(value: Any) -> bool:
    """Accept an object: values by name."""
    return isinstance(value, Mapping)


def seconds(value: Any) -> bool:
    """Accept a duration in seconds: at most some thousand years, so that no sum of them overflows."""
    return number(value) and 0 <= value <= _LAST_MOMENT


def figures(value: Any) -> bool:
    """Accept seconds by name."""
    return group(value) and all(map(seconds, value.values()))


def numbers(value: Any) -> bool:
    """Accept numbers by name."""
    return group(value) and all(map(number, value.values()))


def texts(value: Any) -> bool:
    """Strings by name."""
    return group(value) and all(map(text, value.values()))


def optional(fits: Fits) -> Fits:
    """Accept what fits, or None."""
    return lambda value: value is None or fits(value)


def several(fits: Fits) -> Fits:
    """Accept a list of what fits."""
    return lambda value: isinstance(value, (list, tuple)) and all(map(fits, value))


def require(fields: Mapping[str, Fits], data: Any, *, what: str) -> None:
    """Raise ValueError where `data` is no object, or for the first of its fields that does not fit.

    >>> require({"seed": whole}, {"seed": -1}, what="an opened event")
    Traceback (most recent call last):
    ValueError: seed of an opened event cannot be -1
    """
    if not group(data):
        raise ValueError(f"{what} cannot be {reprlib.repr(data)}")
    for name, fits in fields.items():
        if not fits(data.get(name)):
            raise ValueError(f"{name} of {what} cannot be {reprlib.repr(data.get(name))}")
