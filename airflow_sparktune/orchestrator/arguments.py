"""The operator's arguments that are groups: those of the spec, and what the task does after its study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study import definition
from airflow_sparktune.study.definition import Group, as_written
from airflow_sparktune.study.definition.checks import one_of
from airflow_sparktune.study.definition.field import declared


def _any_value(_: str, value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class After(Group):
    """What the task does after its study. It is no part of the spec, and not templated."""

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
GROUPS: Mapping[str, type[Group]] = {**definition.GROUPS, "after": After}


def with_plain_groups(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of the operator with each group as a plain dict of the keys that were set."""
    return {name: as_written(value) if name in GROUPS else value for name, value in arguments.items()}
