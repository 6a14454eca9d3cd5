from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition.rule import Confirm, Guardrail, Margin


@pytest.mark.parametrize(
    ("value", "amount", "relative"),
    [
        ("2%", 0.02, True),
        (" 0.5 % ", 0.005, True),
        ("0.00001%", 1e-7, True),
        ("1e6%", 1e4, True),
        (0.1, 0.1, False),
        ("0.1", 0.1, False),
    ],
)
def test_a_margin_is_a_number_or_a_percentage(value: object, amount: float, relative: bool) -> None:
    margin = Margin.parse("replace_margin", value)
    assert (margin.amount, margin.relative) == (pytest.approx(amount), relative)
    assert Margin.parse("replace_margin", margin.to_json()) == margin


@pytest.mark.parametrize("value", ["2 %%", "two", -1, "-2%", True, float("nan"), None, [1], 1e151, "1e400%"])
def test_an_invalid_margin_is_rejected(value: object) -> None:
    with pytest.raises(
        SpecError, match=r"replace_margin must be a number of at least 0.*or a percentage such as '2%', got"
    ):
        Margin.parse("replace_margin", value)


def test_confirm_is_a_number_of_repeats_or_an_object() -> None:
    assert Confirm.parse("confirm", "8") == Confirm(repeats=8)
    given = {"top": 5, "confidence": 0.9, "objective_kwargs": {"data": "holdout"}}
    confirm = Confirm.parse("confirm", given)
    assert (confirm.top, confirm.repeats, confirm.confidence) == (5, 5, 0.9)
    assert Confirm.parse("confirm", asdict(confirm)) == confirm


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "confirm.repeats must be a whole number from 3 to 100, got 2; fewer cannot distinguish"),
        ({"repeats": 2.5}, "confirm.repeats must be a whole number"),
        ({"repeat": 5}, "confirm must have known keys only, got 'repeat'; did you mean 'repeats'"),
        ({"confidence": 95}, "confirm.confidence must lie between 0.5 and 0.9999, got 95"),
        ({"confidence": 0.3}, "confirm.confidence must lie between 0.5 and 0.9999, got 0.3"),
        ({"top": 0}, "confirm.top must be a whole number from 1 to 20"),
        ({"top": 21}, "confirm.top must be a whole number from 1 to 20, got 21"),
        (10**5, "confirm.repeats must be a whole number from 3 to 100, got 100000; .* too small to matter"),
        ("9" * 5_000, "confirm.repeats must be a whole number"),
        ({"objective_kwargs": 3}, "confirm.objective_kwargs must be an object"),
        ("often", "confirm.repeats must be a whole number"),
    ],
)
def test_an_invalid_confirm_is_rejected(value: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Confirm.parse("confirm", value)


def test_guardrails_go_to_json_and_back() -> None:
    given = {"latency_ms": {"max": 50.0}, "recall": {"max_drop": "1%", "min": 0.5, "each_min": 0.25}}
    rails = Guardrail.parse_all("guardrails", given)
    assert {rail.metric: rail.to_json() for rail in rails} == given


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("latency", "guardrails must be an object of bounds by metric"),
        ({"latency": {}}, r"guardrails\['latency'\] must have at least one of max, min"),
        ({"latency": {"maximum": 1}}, r"guardrails\['latency'\] must have bounds among .*, got 'maximum'"),
        (
            {"latency": {"max": 1, "min": 2}},
            r"guardrails\['latency'\] must have min at most at max, got 2 and 1; no trial could",
        ),
        ({"latency": {"each_max": 1, "each_min": 2}}, "must have each_min at most at each_max"),
        ({"latency": {"max": "x"}}, r"guardrails\['latency'\]\['max'\] must be a finite number"),
        (
            {"latency": {"max_rise": "a bit"}},
            r"\['max_rise'\] must be .* at most 1e\+150, or a percentage such",
        ),
    ],
)
def test_invalid_guardrails_are_rejected(value: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Guardrail.parse_all("guardrails", value)


def test_how_far_a_value_is_beyond_its_bounds() -> None:
    """The relative bounds apply once the incumbent's value is known; the nearest bound counts."""
    limits = {"max": 5, "each_max": 4, "max_rise": "50%", "min": 1, "max_drop": 0.5}
    (rail,) = Guardrail.parse_all("guardrails", {"latency": limits})
    assert rail.relative
    assert rail.excesses(3.0, incumbent=None) == (-2.0, -1.0)
    assert rail.excesses(3.0, incumbent=1.0) == (-2.0, 1.5)
    assert rail.excesses(3.0, incumbent=4.0) == (0.5, -1.0)
    (high,) = Guardrail.parse_all("guardrails", {"latency": {"max": 5}})
    assert high.excesses(6.0, incumbent=1.0) == (-math.inf, 1.0)
