"""What a request asks for: selectors of labels and fields, and patches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.kubernetes.stand_in.objects import Object


def selected_by(query: Mapping[str, str]) -> Callable[[Object], bool]:
    """Return whether an object fits the selectors of a request."""
    labels = [term for term in query.get("labelSelector", "").split(",") if term]
    fields = [term for term in query.get("fieldSelector", "").split(",") if term]

    def fits(found: Object) -> bool:
        given = found["metadata"].get("labels") or {}
        return all(_label(given, term) for term in labels) and all(_field(found, term) for term in fields)

    return fits


def _label(labels: Mapping[str, str], term: str) -> bool:
    if (parts := re.fullmatch(r"([^=!]+)(!?)==?(.*)", term)) is not None:
        name, negated, value = parts.groups()
        return (labels.get(name) == value) != bool(negated)
    return (term.lstrip("!") in labels) != term.startswith("!")


def _field(found: Any, term: str) -> bool:
    parts = re.fullmatch(r"([^=!]+)(!?)==?(.*)", term)
    assert parts is not None, term
    path, negated, value = parts.groups()
    for name in path.split("."):
        found = (found or {}).get(name)
    return (str(found or "") == value) != bool(negated)


def merged(old: Any, new: Any) -> Any:
    """Return an object with a merge patch applied, which a strategic merge and an apply are here, too."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    result = {name: value for name, value in old.items() if new.get(name, value) is not None}
    for name, value in new.items():
        if value is not None:
            result[name] = merged(old.get(name), value)
    return result
