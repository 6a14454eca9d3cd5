"""The operator's arguments that are groups: those of the spec, and what the task does after its study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study import definition
from airflow_sparktune.study.definition import Group, as_written
from airflow_sparktune.study.definition.checks import one_of
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import declarations
from airflow_sparktune.study.definition.spec_fields import IN_GROUPS
from airflow_sparktune.study.json_values import shown


def _any_value(_: str, value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class After(Group):
    """Says what the task does with its result. It is not templated, and not part of the spec."""

    on_no_improvement: str = declared(
        one_of("keep", "skip", "fail"),
        takes="keep, skip or fail",
        doc="What to do if production stays as it is: `keep` returns its params, `skip` skips the task, "
        "`fail` fails it.",
        default="keep",
    )
    xcom_return: str = declared(
        one_of("params", "summary"),
        takes="params or summary",
        doc="What the task returns: `params`, or `summary` for DAGs that compare or map over segments.",
        default="params",
    )
    on_replaced: Any = declared(
        _any_value,
        takes="notifiers",
        doc="Airflow notifiers to call when the champion changes; their templates can use `tuning`. With "
        '`promote="manual"`, give them to `promote_champion`.',
        default=None,
    )
    on_broken: Any = declared(
        _any_value,
        takes="notifiers",
        doc="Airflow notifiers to call when the incumbent fails on today's data.",
        default=None,
    )


# The arguments that make up the spec; each is templated.
SPEC_ARGUMENTS = tuple(item.name for item in definition.KEYS)
# The arguments for many studies in one application; each is templated.
SEGMENT_ARGUMENTS = ("segments", "parallelism_per_segment", "on_failed_segments")
GROUPS: Mapping[str, type[Group]] = {**definition.GROUPS, "after": After}
# A key of a group -> the argument that is meant: no_progress -> limits.no_progress.
_MEANT = {**IN_GROUPS, **{item.name: f"after.{item.name}" for item in declarations(After)}}


def require_grouped(names: Mapping[str, Any]) -> None:
    """Raise SpecError for a key of a group that is given as an argument of its own."""
    for name, value in names.items():
        if name in _MEANT and name not in SPEC_ARGUMENTS:
            group, _, key = _MEANT[name].rpartition(".")
            raise SpecError(
                f"{name} must be given in its group, got {shown(value)} on its own; write "
                f"{group}={{{key!r}: ...}}"
            )


def with_plain_groups(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of the operator with each group as a plain dict of the keys that were set."""
    require_grouped(arguments)
    return {name: _plain(name, value) for name, value in arguments.items()}


def _plain(name: str, value: Any) -> Any:
    """Return the value of an argument without groups, into which a template could not be rendered."""
    if name in GROUPS:
        return as_written(value)
    if name == "segments" and isinstance(value, list | tuple):
        return [as_written(each) for each in value]
    return value
