"""Limits on the content of a journal.

Others can write to a study folder, and an objective can return anything. The limits are enforced when the
journal is written and when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_sparktune.printable import printable

MOST_DEPTH = 100  # json.dumps and deepcopy recurse, and Python's limit is about 1,000 calls
LARGEST_NUMBER = 10**300  # still a float
MOST_VALUES = 1_000_000  # a YAML file of ten lines can refer to its own parts a billion times
MESSAGE_LIMIT, TRACEBACK_LIMIT = 4_096, 32_768  # some exceptions contain the data that they failed on


def require_bounded(value: Any) -> None:
    """Raise ValueError for JSON values that are nested too deeply or contain a number too large for a float.

    >>> require_bounded([10**400])
    Traceback (most recent call last):
    ValueError: a number must be within 1e300, got one of 1329 bits
    """
    level, depth = [value], 0
    while level:
        if depth > MOST_DEPTH:
            raise ValueError(f"values must be nested at most {MOST_DEPTH} deep")
        below: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                below.extend(item.values())
            elif isinstance(item, (list, tuple)):
                below.extend(item)
            elif type(item) is int and abs(item) > LARGEST_NUMBER:
                raise ValueError(f"a number must be within 1e300, got one of {item.bit_length()} bits")
        level, depth = below, depth + 1


def parts_of(value: Any) -> Iterable[Any]:
    """Return the values directly below a value; none for text and numbers."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def require_small(value: Any, parts: Callable[[Any], Iterable[Any]] = parts_of) -> None:
    """Raise ValueError for a value that is nested too deeply, or too large once its shared parts are copied.

    It visits a shared part once, so it takes no longer for a value that refers to its own parts many times.

    >>> ones = [1] * 1000
    >>> require_small([[ones] * 1000] * 1000)
    Traceback (most recent call last):
    ValueError: there must be at most 1000000 values
    """
    known: dict[int, tuple[Any, int, int]] = {}  # with the value itself, so that no other gets its id

    def measure(value: Any, depth: int) -> tuple[int, int]:
        """Return the number of values in `value`, and how deep they are nested."""
        if depth > MOST_DEPTH:
            raise ValueError(f"values must be nested at most {MOST_DEPTH} deep")
        if not (below := parts(value)):
            return 1, 0
        if id(value) not in known:
            measured = [measure(part, depth + 1) for part in below]
            count, height = 1 + sum(count for count, _ in measured), 1 + max(deep for _, deep in measured)
            known[id(value)] = value, count, height
        _, count, height = known[id(value)]
        if depth + height > MOST_DEPTH:
            raise ValueError(f"values must be nested at most {MOST_DEPTH} deep")
        if count > MOST_VALUES:
            raise ValueError(f"there must be at most {MOST_VALUES} values")
        return count, height

    measure(value, 0)


def without_surrogates(value: Any) -> Any:
    """Return JSON values with lone surrogates replaced, because no encoding can write them.

    >>> without_surrogates({"row": [chr(0xD8FF)]})
    {'row': ['?']}
    """
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(without_surrogates, value))
    return value


def message_text(text: str) -> str:
    """Return an error's message as the journal stores it: printable and truncated."""
    text = printable(text)
    return text if len(text) <= MESSAGE_LIMIT else f"{text[:MESSAGE_LIMIT]}..."


def traceback_text(text: str) -> str:
    """Return a traceback as the journal stores it: printable, and truncated at its beginning."""
    text = printable(text)
    return text if len(text) <= TRACEBACK_LIMIT else f"...{text[-TRACEBACK_LIMIT:]}"
