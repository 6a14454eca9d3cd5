"""Keep secrets out of a spec, which is a plain file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# The masker of this process's log (see airflow.sdk.log.mask_secret).
from airflow.sdk._shared.secrets_masker import redact

from airflow_sparktune.errors import SpecError

__all__ = ["redact", "refuse_secrets"]


def refuse_secrets(spec: Mapping[str, Any]) -> None:
    """Raise SpecError if a text in the spec contains a value that Airflow masks in logs."""
    for place, text in _texts(spec, ""):
        if redact(text) != text:
            raise SpecError(
                f"{place} must not hold a secret, but holds a value that Airflow masks: the spec is a plain "
                "file; pass the path of a file that the objective reads (see docs/guides/secrets.md)"
            )


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield each text in a JSON value with its place."""
    match value:
        case str():
            yield place, value
        case Mapping():
            for key, item in value.items():
                yield f"a key of {place}" if place else "a key", key
                yield from _texts(item, f"{place}[{key!r}]" if place else key)
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, f"{place}[{index}]")
