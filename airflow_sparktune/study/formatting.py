"""Numbers, params and trials as people read them in the log, in the shell and on the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState

_ORIGINS: Mapping[TrialOrigin, str] = {
    TrialOrigin.SAMPLER: "",
    TrialOrigin.GIVEN: "given",
    TrialOrigin.INCUMBENT: "champion",
    TrialOrigin.WARM_START: "warm start",
    TrialOrigin.ADOPTED: "cleared study",
}
# From here on numbers have an exponent.
_LARGE = 10**15


def number(value: float | None, *, digits: int = 4) -> str:
    """Format a number by its significant digits; from 1,000 to 1e15 as a whole number.

    `number` in the page's format.js gives the same text.

    >>> number(0.0335149), number(12345.6), number(0.0000123449), number(None)
    ('0.03351', '12346', '1.234e-5', '')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    exact = Decimal(value)
    if 1000 <= abs(exact) < _LARGE:
        return f"{exact.quantize(Decimal(1), ROUND_HALF_UP)}"
    rounded = exact.normalize(Context(prec=digits, rounding=ROUND_HALF_UP))
    if not rounded:
        return "0"
    plain = Decimal("1e-4") <= abs(rounded) < _LARGE
    return f"{rounded:f}" if plain else f"{rounded:e}".replace("e+", "e")


def with_error(value: float, error: float | None) -> str:
    """Format a value with its standard error, both rounded to the second digit of the error.

    `withError` in the page's format.js gives the same text.

    >>> with_error(0.0214, 0.00312), with_error(0.5, None)
    ('0.0214 ± 0.0031', '0.5')
    """
    if not error:
        return number(value)
    if max(abs(value), error) >= _LARGE:
        return f"{number(value)} ± {number(error)}"
    last = Decimal(1).scaleb(-min(max(1 - Decimal(error).adjusted(), 0), 12))
    rounded = (Decimal(each).quantize(last, ROUND_HALF_UP) for each in (value, error))
    return " ± ".join(f"{each:f}" for each in rounded)


def params(value: Any) -> str:
    """Format params by their paths, rounded.

    >>> params({"lr": 0.0123456, "model": {"kind": "forest", "depth": 7}, "layers": [64, 32]})
    'lr=0.01235 model.kind=forest model.depth=7 layers=[64, 32]'
    """
    if not isinstance(value, Mapping):
        return _word(value)
    return " ".join(f"{path}={_word(item)}" for path, item in _paths(value, ""))


def state_text(state: TrialState) -> str:
    """Return the state of a trial in words."""
    return "cut off" if state is TrialState.CANCELLED else state.value


def origin_text(trial: Trial) -> str:
    """Return where the configuration of a trial comes from; empty if the search suggested it."""
    return trial.title if trial.purpose is TrialPurpose.CONFIRM else _ORIGINS[trial.origin]


def _paths(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _paths(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _word(value: Any) -> str:
    match value:
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return number(value)
        case str():
            return value if value and not set(value) & set(" =") else json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_word, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
