from __future__ import annotations

import enum
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import plain


class Kernel(str, enum.Enum):  # noqa: UP042 - as many libraries still do
    RBF = "rbf"


class Level(enum.IntEnum):
    HIGH = 3


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False).map(np.float64),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.booleans().map(np.bool_),
    st.text().map(np.str_),
    st.sampled_from([Kernel.RBF, Level.HIGH]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.text() | st.just(Kernel.RBF), inner)
    ),
    max_leaves=15,
)


def only_json(value: Any) -> bool:
    """Return whether a value consists only of JSON's own types, without subclasses."""
    if type(value) is dict:
        return all(type(key) is str and only_json(item) for key, item in value.items())
    if type(value) is list:
        return all(map(only_json, value))
    return value is None or type(value) in (bool, int, float, str)


@given(VALUES)
def test_plain_survives_a_json_round_trip(value: Any) -> None:
    """`plain` returns only JSON types, survives a JSON round trip, and is idempotent."""
    made = plain(value, what="value")
    assert only_json(made)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert plain(made, what="value") == made


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), 1e400])
def test_numbers_without_a_json_form(value: float) -> None:
    """A number that is not finite is rejected with its place."""
    with pytest.raises(SpecError, match=r"kwargs\['a'\]\[1\] must be a finite number, got (nan|-?inf)"):
        plain({"a": [1, value]}, what="kwargs")


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"x",
        1j,
        Path("x"),
        Decimal(1),
        len,
        np.zeros(2),
        np.longdouble(1) / 3,
        np.datetime64("2026-01-01"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_without_a_json_form(value: Any) -> None:
    """An object is rejected with its place, its type and the way out."""
    message = rf"kwargs\['model'\] must be plain JSON .*got {type(value).__name__}; pass a name or a path"
    with pytest.raises(SpecError, match=message):
        plain({"model": value}, what="kwargs")


def test_keys_without_a_json_form() -> None:
    """A key that is not text is rejected; the error shows how to write it."""
    with pytest.raises(SpecError, match=r"kwargs must have text keys, got 1; write '1'"):
        plain({1: "a"}, what="kwargs")


def test_values_that_refer_to_their_own_parts() -> None:
    """They are rejected before they are copied, which would take longer than a test may."""
    bomb: list[Any] = [1]
    for _ in range(12):
        bomb = [bomb] * 9
    with pytest.raises(SpecError, match="kwargs is too large: there must be at most 1000000 values; pass"):
        plain({"a": bomb}, what="kwargs")
    itself: dict[str, Any] = {}
    itself["a"] = itself["b"] = itself
    with pytest.raises(SpecError, match="kwargs is too large: values must be nested at most 100"):
        plain(itself, what="kwargs")


def test_values_that_share_parts() -> None:
    """A part may be shared, as by an alias of YAML."""
    shared = {"folds": [1, 2]}
    assert plain({"a": shared, "b": [shared]}, what="kwargs") == {"a": shared, "b": [shared]}
