"""Numbers as people read them; test_page_states.py shows that the page formats them alike."""

from __future__ import annotations

import math

import pytest

from airflow_sparktune.study.formatting import number, params, with_error

NUMBERS = [
    (0.0, "0"),
    (7, "7"),
    (0.00010000000000000009, "0.0001"),
    (0.00009999949, "0.0001"),
    (0.00001, "1e-5"),
    (1.2345678e-9, "1.235e-9"),
    (0.15625, "0.1563"),
    (0.1 + 0.2, "0.3"),
    (-0.0335149, "-0.03351"),
    (999.96, "1000"),
    (-1000.5, "-1001"),
    (12345.6, "12346"),
    (1234567890123, "1234567890123"),
    (1.5e15, "1.5e15"),
    (1e300, "1e300"),
]
WITH_ERROR = [
    (0.0214, 0.00312, "0.0214 ± 0.0031"),
    (123.45678, 0.0001, "123.45678 ± 0.00010"),
    (12345.6, 250.0, "12346 ± 250"),
    (0.00001, 0.0, "1e-5"),
]


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_a_number_has_four_digits_or_is_whole(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "error", "text"), WITH_ERROR)
def test_a_value_is_as_exact_as_its_error(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text


def test_other_values() -> None:
    assert [number(None), number(math.inf), number(0.123456, digits=2)] == ["", "inf", "0.12"]
    assert params({"lr": 1e-5, "seed": 1234567, "on": True}) == "lr=1e-5 seed=1234567 on=true"
