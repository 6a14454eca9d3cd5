"""A user's params are converted to their point, or rejected with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from hyperopt import hp
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.errors import SpecError

SPACE: dict[str, Any] = {
    "lr": {"loguniform": [0.0001, 1.0]},
    "depth": {"uniformint": [2, 12]},
    "hash": {"randint": [0, 5]},
    "layers": [{"quniform": [8, 64, 8]}, {"choice": ["relu", None, 3]}],
    "model": {"choice": [{"kind": "forest", "trees": {"uniformint": [10, 100]}}, {"kind": "linear"}]},
}
PARAMS = {
    "lr": 0.01,
    "depth": 5,
    "hash": 4,
    "layers": [16.0, None],
    "model": {"kind": "forest", "trees": 50},
}


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=50, deadline=None)
def test_params_convert_to_a_point_with_the_same_params(seed: int) -> None:
    suggestion = sampler_of(SPACE, "random").ask(0, seed=seed)
    found = SearchSpace.of(SPACE).given(suggestion.params)
    assert found.params == suggestion.params
    assert found.point.keys() == suggestion.point.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 2.0}, r"params\['lr'\] must be a number from 0.0001 to 1, got 2.0"),
        ({"depth": 2.5}, r"params\['depth'\] must be a whole number from 2 to 12, got 2.5"),
        ({"depth": True}, r"params\['depth'\] must be a whole number"),
        ({"layers": [16.0]}, r"params\['layers'\] must be a list of 2 values"),
        ({"model": {"kind": "svm"}}, r"params\['model'\] must be one of the options of 'model'"),
        (
            {"model": {"kind": "forest", "trees": 500}},
            r"params\['model'\]\['trees'\] must be a whole number from 10 to 100, got 500",
        ),
        ({"extra": 1}, r"params must be an object with the keys 'depth', 'hash', 'layers', 'lr', 'model'"),
    ],
)
def test_the_error_names_the_param_that_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        SearchSpace.of(SPACE).given({**PARAMS, **change})


def test_a_space_of_hyperopts_own_takes_params_too() -> None:
    space = SearchSpace.of("tests.driver.user_spaces:SHARED")
    point = sampler_of("tests.driver.user_spaces:SHARED", "random").ask(0, seed=3)
    assert space.given(point.params).params == point.params


@pytest.mark.parametrize("dimension", [hp.uniform("x", 1, 0), hp.loguniform("x", 0, -1)])
def test_the_bounds_of_a_hyperopt_space_are_in_order(dimension: Any) -> None:
    """Hyperopt draws between them all the same, and other samplers stay at one bound."""
    with pytest.raises(SpecError, match=r"space 'x': the lower bound of .* must be below the upper one"):
        read_dimensions(dimension)
