"""The fields of a spec for retuning, and the errors of invalid values."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import Spec, nested
from airflow_sparktune.study.definition.rule import Confirm, Margin

REQUIRED: dict[str, Any] = {"objective": "m:f", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 20}


def spec(**more: Any) -> Spec:
    return Spec.of(**{**REQUIRED, **more})


def test_the_rule_is_built_from_the_fields() -> None:
    made = spec(
        retuning={
            "incumbent": "champion",
            "confirm": 8,
            "margin": "2%",
            "guardrails": {"latency_ms": {"max": "50"}},
        }
    )
    assert made.rule.confirm == Confirm(repeats=8)
    assert made.rule.margin == Margin(0.02, relative=True)
    assert [(rail.metric, rail.max) for rail in made.rule.guardrails] == [("latency_ms", 50.0)]
    assert Spec.from_json(made.to_json()) == made


def test_another_incumbent_does_not_change_the_identity() -> None:
    """The incumbent is resolved once and journalled, so a retry may be called with another one."""
    assert (
        spec(retuning={"incumbent": {"x": 1}}).changed_identity(
            spec(retuning={"incumbent": "champion", "confirm": 9})
        )
        == ()
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"retuning.incumbent": 3},
            "retuning.incumbent must be 'champion' .*, 'previous' .* or an object of params by name",
        ),
        ({"retuning.incumbent": "champ"}, "retuning.incumbent must be 'champion' .* got 'champ'"),
        (
            {"retuning.incumbent": {"x": object()}},
            r"retuning.incumbent\['x'\] must be plain JSON .* got object",
        ),
        ({"retuning.incumbent": {"x": float("nan")}}, r"retuning.incumbent\['x'\] must be a finite number"),
        (
            {"retuning.incumbent": "champion", "retuning.confirm": 2},
            "retuning.confirm.repeats must be a whole number from 3 to 100",
        ),
        (
            {"retuning.incumbent": "champion", "retuning.confirm": {"top": 20}},
            "retuning.confirm.top must be below max_evals .* got 20 candidates of 20 trials",
        ),
        ({"retuning.confirm": 8}, "retuning.confirm must go with an incumbent, .* add incumbent: champion"),
        ({"retuning.margin": 1}, "retuning.margin must go with an incumbent"),
        (
            {"retuning.incumbent": "champion", "retuning.margin": "2 %%"},
            "retuning.margin must be a number .* got '2 %%'",
        ),
        ({"retuning.on_mismatch": "ignore"}, "retuning.on_mismatch must be one of evaluate, drop, fail"),
        ({"retuning.on_broken": "keep"}, "retuning.on_broken must be one of fail, replace"),
        ({"retuning.promote": "later"}, "retuning.promote must be one of decision, manual"),
        (
            {"warm_start.points": "best"},
            "warm_start.points must be 'previous', a number of earlier studies, a study's",
        ),
        ({"warm_start.points": 0}, "warm_start.points must be a whole number of at least 1"),
        ({"warm_start.points": [3]}, r"warm_start.points\[0\] must be an object of params"),
        ({"warm_start.share": 2}, "warm_start.share must be a share above 0 and at most 1"),
        ({"limits.budget_slot_hours": 0}, "limits.budget_slot_hours must be above 0"),
    ],
)
def test_invalid_values_are_rejected(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(**nested(given))


@pytest.mark.parametrize("value", ["previous", 3, "3", "/studies/churn/tune/r1/g0", [{"x": 1}]])
def test_warm_start_accepts_several_sources(value: object) -> None:
    made = spec(warm_start=value).warm_start.points
    assert made == (3 if value == "3" else value)


def test_a_budget_alone_ends_a_study() -> None:
    assert spec(max_evals=None, limits={"budget_slot_hours": "1.5"}).limits.budget_slot_hours == 1.5
