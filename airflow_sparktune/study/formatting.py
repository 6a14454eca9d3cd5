"""Numbers, params and trials as people read them in the log, in the shell and on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialPurpose, TrialState

_ORIGINS: Mapping[TrialOrigin, str] = {
    TrialOrigin.SAMPLER: "",
    TrialOrigin.GIVEN: "given",
    TrialOrigin.INCUMBENT: "champion",
    TrialOrigin.WARM_START: "warm start",
    TrialOrigin.ADOPTED: "cleared study",
}


def number(value: float | None) -> str:
    """Format a loss or a time with four significant digits.

    >>> number(0.0335149), number(1234567.0), number(None)
    ('0.03351', '1.235e+06', '')
    """
    return "" if value is None else f"{value:.4g}"


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
        case float():
            return number(value)
        case str():
            return value if value and not set(value) & set(" =") else json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_word, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
