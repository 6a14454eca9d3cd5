"""Decode JSON from a study folder, to which others may write too."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from airflow_sparktune.study.journal.bounds import MOST_DEPTH, require_bounded, without_surrogates

MOST_BYTES = 16 * 2**20


def decoded(text: bytes) -> Any:
    """Return the value of a JSON text; raises ValueError if it is invalid or exceeds the bounds.

    >>> decoded(b"[" * 100_000)
    Traceback (most recent call last):
    ValueError: JSON must be nested less deep
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"JSON must have at most {MOST_BYTES} bytes, got {len(text)}")
    try:
        data = _decode(text.decode())
    except RecursionError:
        raise ValueError("JSON must be nested less deep") from None
    if text.count(b"[") + text.count(b"{") > MOST_DEPTH or _LONG_NUMBER.search(text):
        require_bounded(data)
    return without_surrogates(data) if _SURROGATE.search(text) else data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a float")
    return number


# Created at import, because an objective that runs in the driver may patch the json module.
_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode
# Only texts with these patterns need a check of all their values; most have neither.
_LONG_NUMBER = re.compile(rb"[0-9]{300}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
