from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hyperopt import hp, pyll
from hyperopt.base import Domain

from airflow_sparktune import space as ours
from airflow_sparktune.driver.samplers.gp.axis import Axis
from airflow_sparktune.driver.samplers.gp.space import MOST_CATEGORIES, EncodedSpace, encoded_space
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space, read_dimensions
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import plain
from tests.driver.samplers.test_hyperopt import EVERYTHING, INSIDE

NESTED = {
    "m": ours.choice(
        [
            {"a": ours.choice([{"b": ours.normal(0, 1)}, 0])},
            {"c": ours.pchoice([(0.9, "often"), (0.1, {"d": ours.qlognormal(0, 1, 1)})])},
        ]
    ),
    "x": ours.uniform(0, 1),
}


def encoded(space: Any) -> tuple[EncodedSpace, Any]:
    domain = Domain(None, hyperopt_space(space)[0])
    return encoded_space(read_dimensions(domain.expr)), domain


def value(domain: Any, point: Any) -> Any:
    return pyll.rec_eval(domain.expr, memo=domain.memo_from_config(point), print_node_on_error=False)


@pytest.mark.parametrize("space", [EVERYTHING, NESTED, "tests.driver.user_spaces:SHARED"])
def test_rows_are_points_of_hyperopts_and_back(space: Any) -> None:
    """Decoding a row gives a complete point, and encoding the point gives the row again."""
    ours, domain = encoded(space)
    rows = ours.settle(ours.draw(np.random.default_rng(1), 300))
    for row in rows:
        point = ours.decode(row)
        value(domain, point)  # raises if an active parameter is missing
        np.testing.assert_allclose(ours.encode(point), row, atol=1e-9)
    np.testing.assert_allclose(ours.settle(rows), rows, atol=1e-9)


def test_every_distribution_keeps_its_bounds_and_steps() -> None:
    ours, domain = encoded(EVERYTHING)
    rng = np.random.default_rng(2)
    corners = rng.integers(0, 2, (50, ours.size)).astype(float)
    corners[:, ~ours.numeric] = ours.draw(rng, 50)[:, ~ours.numeric]
    for row in ours.settle(np.concatenate([ours.draw(rng, 200), corners])):
        for name, found in plain(value(domain, ours.decode(row)), what="params").items():
            assert INSIDE[name](found), (name, found)


def test_draws_follow_the_prior() -> None:
    """Draws have the weights of pchoice, and the quantiles of normals."""
    ours, _ = encoded({"p": EVERYTHING["pchoice"], "n": EVERYTHING["normal"], "l": EVERYTHING["lognormal"]})
    points = [ours.decode(row) for row in ours.settle(ours.draw(np.random.default_rng(3), 2_000))]
    codes = [point["p"] for point in points]
    assert codes.count(0) == 0
    assert codes.count(1) == pytest.approx(500, abs=80)
    assert np.std([point["n"] for point in points]) == pytest.approx(2, rel=0.1)
    assert np.median([point["l"] for point in points]) == pytest.approx(1, rel=0.15)


def test_only_the_branch_that_was_chosen_is_active() -> None:
    ours, _ = encoded(NESTED)
    shapes = {
        tuple(sorted(set(ours.decode(row)) - {"x"}))
        for row in ours.settle(ours.draw(np.random.default_rng(4), 200))
    }
    assert shapes == {
        ("m", "m[0].a", "m[0].a[0].b"),
        ("m", "m[0].a"),
        ("m", "m[1].c"),
        ("m", "m[1].c", "m[1].c[1].d"),
    }


def test_a_parameter_of_two_branches_is_active_in_either() -> None:
    """Its column comes after both choices, even if the space names it between them."""
    shared = hp.uniform("shared", 0, 1)
    first, second = hp.choice("first", [shared, 0]), hp.choice("second", [shared, 0])
    space = encoded_space(read_dimensions(pyll.as_apply([first, second])))
    labels = [item.label for item in space.parameters]
    assert labels[-1] == "shared"
    rows = space.settle(space.draw(np.random.default_rng(5), 50))
    for point in map(space.decode, rows):
        assert ("shared" in point) == (0 in (point["first"], point["second"]))


def test_a_long_randint_is_a_number() -> None:
    space, _ = encoded({"few": ours.randint(3, 3 + MOST_CATEGORIES), "many": ours.randint(0, 10_000)})
    few, many = space.parameters
    assert (few.axis, few.offset, len(few.weights)) == (None, 3, MOST_CATEGORIES)
    assert many.axis == Axis(0.0, 9_999.0, step=1.0)
    assert all(
        type(item) is int for item in space.decode(space.draw(np.random.default_rng(0), 1)[0]).values()
    )


def test_different_categories_are_as_far_apart_as_the_ends_of_an_interval() -> None:
    space, _ = encoded({"c": ours.choice(["a", "b", "c"]), "x": ours.uniform(0, 1)})
    a, b, low, high = space.features(np.array([[0, 0.5], [2, 0.5], [1, 0.0], [1, 1.0]]))
    assert ((a - b) ** 2).sum() == pytest.approx(((low - high) ** 2).sum()) == pytest.approx(1)


def test_points_beyond_the_bounds_lie_at_the_ends() -> None:
    space, _ = encoded(
        {"x": ours.loguniform(1e-3, 1.0), "n": ours.normal(0, 1), "q": ours.qlognormal(0, 1, 1)}
    )
    columns = [item.label for item in space.parameters]
    row = dict(zip(columns, space.encode({"x": 50.0, "n": 1e9, "q": 0.0}), strict=True))
    assert (row["x"], row["n"]) == (1.0, 1.0)
    assert all(np.isfinite(space.encode({"x": 0.0, "n": -1e9, "q": 0.0})))


def test_a_distribution_of_somebodys_own_is_refused() -> None:
    @pyll.scope.define
    def exponential(scale: float) -> float:
        return scale

    node = pyll.scope.hyperopt_param("x", pyll.scope.exponential(1.0))
    try:
        with pytest.raises(SpecError, match="got 'exponential' for 'x'; use algo='random'"):
            encoded_space(read_dimensions(pyll.as_apply({"x": node})))
    finally:
        pyll.scope.undefine(exponential)
