"""The dimensions of a space."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sparktune.study.space import (
    choice,
    lognormal,
    loguniform,
    parse,
    qloguniform,
    quniform,
    randint,
    uniform,
    uniformint,
)
from airflow_sparktune.study.space.dimensions import dimensions

CONDITIONAL = {
    "lr": loguniform(1e-4, 1.0),
    "units": [uniformint(16, 64), quniform(0, 1, 0.25)],
    "model": choice(
        [
            {"kind": "svm", "C": lognormal(0, 1), "gamma": choice(["auto", qloguniform(0.1, 10, 0.1)])},
            {"kind": "tree", "depth": randint(2, 12)},
            "none",
        ]
    ),
}


def test_the_table_of_a_conditional_space() -> None:
    """Each row has its parent and branch, bounds in natural units, step, and whether its axis is log."""
    assert [row.to_json() for row in dimensions(parse(CONDITIONAL))] == [
        {"label": "lr", "kind": "loguniform", "low": 1e-4, "high": 1.0, "log": True},
        {"label": "units[0]", "kind": "uniformint", "low": 16, "high": 64},
        {"label": "units[1]", "kind": "quniform", "low": 0, "high": 1, "step": 0.25},
        {
            "label": "model",
            "kind": "choice",
            "options": (
                '{"kind": "svm", "C": {"lognormal": [0, 1]}, "gamma": {"ch...',
                '{"kind": "tree", "depth": {"randint": [2, 12]}}',
                "none",
            ),
        },
        {"label": "model[0].C", "kind": "lognormal", "log": True, "parent": "model", "branch": 0},
        {
            "label": "model[0].gamma",
            "kind": "choice",
            "options": ("auto", '{"qloguniform": [0.1, 10, 0.1]}'),
            "parent": "model",
            "branch": 0,
        },
        {
            "label": "model[0].gamma[1]",
            "kind": "qloguniform",
            "low": 0.1,
            "high": 10,
            "step": 0.1,
            "log": True,
            "parent": "model[0].gamma",
            "branch": 1,
        },
        # The largest value that can be drawn.
        {"label": "model[1].depth", "kind": "randint", "low": 2, "high": 11, "parent": "model", "branch": 1},
    ]


@pytest.mark.parametrize(
    ("space", "labels"),
    [
        (uniform(0, 1), ["value"]),
        (choice([{"C": uniform(0, 1)}, uniform(0, 1), "off"]), ["value", "value[0].C", "value[1]"]),
        ([uniform(0, 1), {"a": uniform(0, 1)}], ["[0]", "[1].a"]),
        ({"a": {"b": [uniform(0, 1)]}}, ["a.b[0]"]),
    ],
)
def test_labels_are_paths(space: Any, labels: list[str]) -> None:
    """A parameter's label is its path in the space; a single parameter as space has the label `value`."""
    assert [row.label for row in dimensions(parse(space))] == labels


def test_options_keep_their_spelling() -> None:
    """The display name of an option keeps non-ASCII letters."""
    (row,) = dimensions(parse({"dish": choice([["Käse"], "Öl"])}))
    assert row.options == ('["Käse"]', "Öl")
