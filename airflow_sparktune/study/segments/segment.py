"""A segment as a person writes it, and the list of all segments of an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import Limits, checks
from airflow_sparktune.study.definition.group import check_fields, declarations, require_known
from airflow_sparktune.study.definition.spec_fields import DECLARED
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.json_values import scalar, shown

MOST = 5_000

# The fields that a segment may set, besides its name.
_KEYS = ("objective_kwargs", "max_evals", "timeout", "limits")
_DECLARED = [item for item in DECLARED if item.name in _KEYS]
_EXAMPLE = 'write [{"name": "north", "objective_kwargs": {"region": "north"}}]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(JsonObject):
    """A part of the data with a study of its own, and what differs from the common spec.

    `objective_kwargs` are merged into the common ones; `limits` has the keys that are set here.
    """

    WHAT: ClassVar[str] = "a segment"

    name: str = stored(shape.text)
    objective_kwargs: Mapping[str, Any] = stored(shape.group, default=dict)
    max_evals: int | None = stored(shape.whole, default=None, omitted=True)
    timeout: float | None = stored(shape.size, default=None, omitted=True)
    limits: Mapping[str, Any] = stored(shape.group, default=dict)

    @classmethod
    def of(cls, value: Any, *, at: str) -> Segment:
        """Return the checked segment for a value that a person wrote; `at` names it in errors."""
        if not isinstance(value, Mapping):
            raise SpecError(f"{at} must be an object with a name, got {shown(value)}; {_EXAMPLE}")
        require_known(at, value, ["name", *_KEYS])
        name = scalar(value.get("name"))
        if not isinstance(name, (str, int)) or isinstance(name, bool) or not str(name).strip():
            raise SpecError(f"{at} must have a name, got {shown(name)}; {_EXAMPLE}")
        found = {**check_fields(_DECLARED, value, group=at), "limits": {}}
        if (limits := value.get("limits")) is not None:
            owner = f"{at}.limits"
            found["limits"] = check_fields(declarations(Limits), Limits.keys(owner, limits), group=owner)
        return cls(name=str(name), **found)


def parse_segments(name: str, given: Any) -> tuple[Segment, ...]:
    """Return the checked segments for a value that a person wrote; raises SpecError."""
    found: dict[str, Segment] = {}
    for at, value in _entries(given):
        segment = Segment.of(value, at=at)
        if segment.name in found:
            raise SpecError(f"{name} must have different names, got {shown(segment.name)} twice; rename one")
        found[segment.name] = segment
    return tuple(found.values())


def _entries(given: Any) -> Sequence[tuple[str, Any]]:
    """Return the segments as written, each with its name for errors."""
    checks.not_quoted("segments", given)
    if isinstance(given, Mapping):
        found = [
            (f"segments[{name!r}]", {"name": name, "objective_kwargs": kwargs})
            for name, kwargs in given.items()
        ]
    elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        found = [(f"segments[{index}]", value) for index, value in enumerate(given)]
    else:
        _refuse(f"a list of segments, or an object of objective_kwargs by name, got {shown(given)}")
    if not found:
        _refuse("at least one segment, got none")
    if len(found) > MOST:
        raise SpecError(
            f"segments must be at most {MOST:,} in one application, got {len(found):,}; spread them over "
            "several tasks"
        )
    return found


def _refuse(rule: str) -> NoReturn:
    raise SpecError(f"segments must be {rule}; {_EXAMPLE}")
