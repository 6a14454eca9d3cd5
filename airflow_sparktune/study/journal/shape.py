"""The checks of journal data as it is read, because others may write to a study folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from airflow_sparktune.study.journal.bounds import LARGEST_NUMBER

Fits = Callable[[Any], bool]

# The last second of the year 9999, the last that datetime can represent.
_LAST_MOMENT = 253_402_300_799
_LARGEST_WHOLE = 2**63 - 1


def anything(value: Any) -> bool:  # noqa: ARG001 - a check like the others
    """Accept any value, also null."""
    return True


def something(value: Any) -> bool:
    """Accept any value but null."""
    return value is not None


def whole(value: Any) -> bool:
    """Accept a non-negative integer of 64 bits."""
    return type(value) is int and 0 <= value <= _LARGEST_WHOLE


def truth(value: Any) -> bool:
    """Accept a bool."""
    return type(value) is bool


def number(value: Any) -> bool:
    """Accept a finite number within the range of a float."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and abs(value) <= LARGEST_NUMBER


def size(value: Any) -> bool:
    """Accept a finite number that is not negative."""
    return number(value) and value >= 0


def moment(value: Any) -> bool:
    """Accept seconds since 1970."""
    return number(value) and 0 <= value <= _LAST_MOMENT


def text(value: Any) -> bool:
    """Accept a string that must stay as it is: an identifier, an address."""
    return isinstance(value, str)


def words(value: Any) -> bool:
    """Accept a string for people, such as a reason or a name; `stored` makes it one printable line."""
    return isinstance(value, str)


def group(value: Any) -> bool:
    """Accept an object (a mapping)."""
    return type(value) is dict or isinstance(value, Mapping)  # the second check takes 4 times as long


def seconds(value: Any) -> bool:
    """Accept a duration in seconds, bounded so that sums do not overflow."""
    return number(value) and 0 <= value <= _LAST_MOMENT


def figures(value: Any) -> bool:
    """Accept an object of durations by name."""
    return group(value) and all(map(seconds, value.values()))


def numbers(value: Any) -> bool:
    """Accept an object of numbers by name."""
    return group(value) and all(map(number, value.values()))


def texts(value: Any) -> bool:
    """Accept an object of strings by name."""
    return group(value) and all(map(text, value.values()))


def several(fits: Fits) -> Fits:
    """Return a check that accepts a list whose items fit."""
    return lambda value: isinstance(value, (list, tuple)) and all(map(fits, value))
