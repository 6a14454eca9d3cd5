"""Plain JSON values, as specs, journals and XCom hold them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.journal.bounds import LARGEST_NUMBER, require_small

# The way out for the text of a number, an object or a list.
UNQUOTED = (
    "write it without quotes; if a template gives it, set render_template_as_native_obj=True on the DAG"
)
_LONGEST = 300


def scalar(value: Any) -> Any:
    """Return a numpy scalar as a Python number, bool or text; return any other value unchanged."""
    # Duck-typed, because `study` does not import numpy.
    if getattr(value, "shape", None) != () or not callable(getattr(value, "item", None)):
        return value
    item = value.item()
    return item if isinstance(item, (bool, int, float, str)) else value


def shown(value: Any) -> str:
    """Return a value for a message: its repr, of a length to read.

    >>> shown("tpee"), shown("9" * 5000)[-21:], shown(10**5000)
    ("'tpee'", '... (5002 characters)', 'a number of 16610 bits')
    """
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return f"a number of {value.bit_length()} bits" if isinstance(value, int) else "a number too large"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def is_numeric(value: Any) -> bool:
    """Return whether a value is the text of a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects, named by their path; an unnamed value is called `value`.

    >>> dict(flat({"svm": {"C": 1.0, "kernels": ["rbf"]}, "seed": 3}))
    {'svm.C': 1.0, 'svm.kernels': ['rbf'], 'seed': 3}
    """
    if isinstance(values, Mapping):  # an empty one has no leaves
        for key, value in values.items():
            yield from flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name or "value", values


def plain(value: Any, *, what: str) -> Any:
    """Return `value` as a JSON round trip would: tuples become lists, numpy scalars become Python's.

    Raises SpecError for a value that JSON cannot hold, and names its place inside `what`.

    >>> plain({"layers": (64, 32)}, what="objective_kwargs")
    {'layers': [64, 32]}
    """
    try:
        require_small(value)
    except ValueError as error:
        raise SpecError(
            f"{what} is too large: {error}; pass a path, and read the data inside the objective"
        ) from None
    return _plain(value, what)


def _plain(value: Any, what: str) -> Any:
    value = scalar(value)
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
            return {_plain_text(key, what): _plain(item, f"{what}[{key!r}]") for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{what}[{index}]") for index, item in enumerate(value)]
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


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the JSON of each value, for comparing two specs: 1 equals 1.0 but, unlike in Python, not True.

    >>> texts({"a": 1, "b": 1.0, "c": True})
    {'a': '1', 'b': '1', 'c': 'true'}
    """
    return {name: json.dumps(_whole_numbers(value), sort_keys=True) for name, value in values.items()}


def _whole_numbers(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: _whole_numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [_whole_numbers(item) for item in value]
        case _:
            return value
