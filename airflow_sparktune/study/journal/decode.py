"""JSON as it is read from a study folder, which is open to others too."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from airflow_sparktune.study.journal.bounds import MOST_DEPTH, require_bounded, without_surrogates

MOST_BYTES = 16 * 2**20


def decoded(text: bytes) -> Any:
    """Return the values of a JSON text; raises ValueError for what is no JSON, or not within bounds.

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
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond any float")
    return number


# Made here, and not when it is used: an objective that runs in the driver may replace what json offers.
_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode
# Texts that may hold what has to be looked for in all of their values; most hold neither.
_LONG_NUMBER = re.compile(rb"[0-9]{300}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
