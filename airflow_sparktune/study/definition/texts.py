"""Values as text, for comparing two specs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the JSON of each value: 1 equals 1.0 but, unlike in Python, not True.

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
