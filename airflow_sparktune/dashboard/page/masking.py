"""Masking of secrets: by the name of their key as in Airflow, and the same values inside other texts."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from airflow_sparktune.study.listing.row import Setup
from airflow_sparktune.study.study import Study

HIDDEN = "***"
# Shorter values may be common words ("on", "root"), without which a traceback would be unreadable.
_SHORTEST = 5
_DEEPEST = 40


class Mask(Protocol):
    """Returns `value` with its secrets replaced; `name` is its key."""

    def __call__(self, value: Any, name: str | None = None) -> Any: ...


def airflow_mask() -> Mask:
    """Return Airflow's `redact`, which replaces text under a sensitive key by `***`, but not numbers.

    A number under such a key (`max_tokens`) is a parameter, not a secret.
    """
    if "airflow" not in sys.modules:
        _import_airflow()
    from airflow._shared.secrets_masker import redact  # the API server's own routes use the same import

    return partial(redact, max_depth=_DEEPEST)  # by default, it does not mask below 5 levels


def _import_airflow() -> None:
    """Import Airflow into a program of this package, without its database and its handlers of logging.

    In a process that a task starts, the address of the database is invalid on purpose, and Airflow's import
    would fail. Its handlers would send this program's warnings to standard output.
    """
    os.environ["PYTHON_OPERATORS_VIRTUAL_ENV_MODE"] = "1"  # Airflow's own switch for such a process
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import airflow  # noqa: F401

    root.handlers[:] = handlers
    root.setLevel(level)


def study_mask(mask: Mask, study: Study) -> Mask:
    """Return a mask for one study, which also hides the spec's secrets inside other texts.

    A traceback may contain the arguments of the failed call.
    """
    return setup_mask(mask, Setup.of(study))


def setup_mask(mask: Mask, setup: Setup) -> Mask:
    """Return the mask for the studies with this setup, as `study_mask` does."""
    spec = {"objective_kwargs": setup.objective_kwargs, "space": setup.space}
    secrets = sorted(set(_hidden(spec, mask(spec))), key=len, reverse=True)
    if not secrets:
        return mask
    pattern = re.compile("|".join(re.escape(form) for secret in secrets for form in _forms(secret)))

    def masked(value: Any, name: str | None = None) -> Any:
        return _replaced(mask(value, name), pattern)

    return masked


def _hidden(value: Any, shown: Any) -> Iterator[str]:
    """Yield the texts in `value` that are replaced in its masked form `shown`."""
    match value:
        case Mapping():
            for key, item in value.items():
                yield from _hidden(item, shown.get(key) if isinstance(shown, Mapping) else HIDDEN)
        case list() | tuple():
            shown = shown if isinstance(shown, (list, tuple)) and len(shown) == len(value) else None
            for index, item in enumerate(value):
                yield from _hidden(item, shown[index] if shown is not None else HIDDEN)
        case str() if value != shown and len(value) >= _SHORTEST:
            yield value


def _forms(secret: str) -> tuple[str, ...]:
    """Return the secret unchanged, and as `repr` and JSON escape it."""
    return tuple(dict.fromkeys((secret, repr(secret)[1:-1], json.dumps(secret)[1:-1])))


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    match value:
        case str():
            return pattern.sub(HIDDEN, value)
        case Mapping():
            return {key: _replaced(item, pattern) for key, item in value.items()}
        case list() | tuple():
            return [_replaced(item, pattern) for item in value]
        case _:
            return value
