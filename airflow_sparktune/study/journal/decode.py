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
    digits = text.translate(_DIGITS, b"+")
    large = _LONG_NUMBER in digits or _LARGE_EXPONENT in digits
    try:
        data = (_decode_checked if large else _decode)(text.decode())
    except RecursionError:
        raise ValueError("JSON must be nested less deep") from None
    if large or text.count(b"[") + text.count(b"{") > MOST_DEPTH:
        require_bounded(data)
    return without_surrogates(data) if b"\\u" in text and _SURROGATE.search(text) else data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a float")
    return number


# Created at import, because an objective that runs in the driver may patch the json module.
_decode = json.JSONDecoder(parse_constant=_refuse).decode
_decode_checked = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode
# Only texts with these patterns need a check of all their values; most have none. Digits are replaced by
# zeros, because a search for a constant is several times as fast as one for a pattern of digits.
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER = b"0" * 300
_LARGE_EXPONENT = b"e000"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
