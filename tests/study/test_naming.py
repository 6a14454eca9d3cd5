"""Options are named by the constants that distinguish them, parameters by paths of such names."""

from __future__ import annotations

import pytest

from airflow_sparktune.study.space import choice, parse, uniform, uniformint, walk
from airflow_sparktune.study.space.naming import names, option_names

FOREST = {"kind": "forest", "depth": uniformint(1, 9)}
BOOSTING = {
    "kind": "boosting",
    "depth": uniformint(1, 6),
    "booster": choice(["dart", {"linear": {"l2": uniform(0, 1)}}]),
}


@pytest.mark.parametrize(
    ("options", "called"),
    [
        (["a", "b"], ("a", "b")),
        ([1, 2.5, True, None], ("1", "2.5", "True", "None")),
        ([FOREST, BOOSTING], ("forest", "boosting")),
        ([{"C": uniform(0, 1)}, "none"], ("C", "none")),
        ([{"a": 1, "b": uniform(0, 1)}, {"a": 1, "c": 2}], ("a, b", "a, c")),
        ([{"x": uniform(0, 1)}, {"x": uniform(1, 2)}], ("x (0)", "x (1)")),
        ([[1, 2], [3]], ("[1, 2]", "[3]")),
    ],
)
def test_options_have_different_names(options: list[object], called: tuple[str, ...]) -> None:
    assert option_names(options) == called


def test_paths_are_readable() -> None:
    found = names(parse({"lr": uniform(0, 1), "model": choice([FOREST, BOOSTING])}))

    assert [name.path for name in found.values()] == [
        "lr",
        "model",
        "forest.depth",
        "boosting.depth",
        "boosting.booster",
        "boosting.linear.l2",
    ]


def test_a_shared_path_falls_back_to_the_label() -> None:
    found = names(parse({"a": choice([{"x": uniform(0, 1)}]), "b": choice([{"x": uniform(0, 1)}])}))

    assert [name.path for name in found.values()] == ["a", "a[0].x", "b", "b[0].x"]


@pytest.mark.parametrize(
    "space",
    [
        uniform(0, 1),
        choice([FOREST, {"x": [uniform(0, 1), {"y": uniform(0, 1)}]}]),
        [uniform(0, 1), {"a": choice([choice([1, 2]), uniform(0, 1)])}],
    ],
)
def test_every_dimension_has_a_name_under_its_label(space: object) -> None:
    tree = parse(space)

    assert list(names(tree)) == [label for label, *_ in walk(tree)]
