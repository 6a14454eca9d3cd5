"""Retuning: the configuration in production, and the rule for replacing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group
from airflow_sparktune.study.definition.rule import Guardrail, Margin
from airflow_sparktune.study.json_values import plain, shown

CHAMPION, PREVIOUS = "champion", "previous"


def _incumbent(name: str, value: Any) -> str | dict[str, Any]:
    """Require 'champion', 'previous' or the params of the incumbent."""
    checks.not_quoted(name, value)
    if value in (CHAMPION, PREVIOUS):
        return str(value)
    if not isinstance(value, Mapping) or not value:
        raise SpecError(
            f"{name} must be 'champion' (the one on record), 'previous' (the winner of the last study) or an "
            f"object of params by name, got {shown(value)}"
        )
    params: dict[str, Any] = plain(value, what=name)
    return params


def _margin(name: str, value: Any) -> float | str:
    """Require a difference of losses, or a percentage."""
    return Margin.parse(name, value).to_json()


def _guardrails(name: str, value: Any) -> dict[str, Any]:
    """Require limits on other metrics, by the name of the metric."""
    checks.not_quoted(name, value)
    return {rail.metric: rail.to_json() for rail in Guardrail.parse_all(name, value)}


@dataclass(frozen=True, kw_only=True)
class Retuning(Group):
    """The configuration that a study compares with, and the rule for replacing it.

    >>> Retuning.parse("retuning", {"incumbent": "champion", "confirm": 8, "margin": "2%"}).confirm.repeats
    8
    """

    incumbent: str | Mapping[str, Any] | None = declared(
        _incumbent,
        takes="object, champion or previous",
        doc="The configuration in production, which is measured again on today's data: the `champion` on "
        "record, the winner of the `previous` study, or its params. The study decides whether to replace it.",
        default=None,
        example="champion",
        script=True,
    )
    confirm: Confirm | None = declared(
        Confirm.parse,
        takes="count or object",
        doc="How candidates are confirmed against the incumbent: a number of repeats, or an object with "
        "`top` (3, up to 20), `repeats` (5, from 3 to 100), `confidence` (0.95), `objective_kwargs` (a "
        "hold-out) and `timeout_share` (0.25).",
        default=None,
        example="8",
        script=True,
    )
    margin: float | str = declared(
        _margin,
        takes="number or percentage",
        doc="The least improvement over the incumbent that a candidate needs: in units of the loss or score, "
        "or a share of the incumbent's such as `2%`.",
        default=0.0,
        example="2%",
        script=True,
        flat="replace_margin",
    )
    guardrails: Mapping[str, Any] = declared(
        _guardrails,
        takes="object",
        doc="Limits on the result's loss or score, or on other metrics that the objective returns, which the "
        "search keeps, too. For the mean over the repeats `max`, `min`, `max_drop` and `max_rise` (relative "
        "to the incumbent; a number or a percentage), for every repeat `each_max` and `each_min`.",
        default=dict,
        example='{"latency_ms": {"max": 50}, "recall": {"max_drop": "1%"}}',
        script=True,
    )
    promote: str = declared(
        checks.one_of("decision", "manual"),
        takes="decision or manual",
        doc="When a winner becomes the champion on record: with the `decision`, or when `promote_champion` "
        "is called (`manual`).",
        default="decision",
        script=True,
    )
    on_mismatch: str = declared(
        checks.one_of("evaluate", "drop", "fail"),
        takes="evaluate, drop or fail",
        doc="What to do if the incumbent no longer fits the space: evaluate it as it is, drop it, or fail "
        "the study.",
        default="evaluate",
        script=True,
        flat="incumbent_mismatch",
    )
    on_broken: str = declared(
        checks.one_of("fail", "replace"),
        takes="fail or replace",
        doc="What to do if the incumbent fails on today's data: fail the study, or replace the incumbent.",
        default="fail",
        script=True,
        flat="on_broken_incumbent",
    )
