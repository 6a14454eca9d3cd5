from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hyperopt import hp
from hypothesis import given
from hypothesis import strategies as st

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.space import (
    BUILDERS,
    choice,
    lognormal,
    loguniform,
    normal,
    parse,
    pchoice,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    to_json,
    uniform,
    uniformint,
    walk,
)
from airflow_sparktune.study.space.dimensions import dimensions

# --- the JSON form of spaces

REALS = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6)
ABOVE_0 = st.floats(1e-6, 1e6)


def pairs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw bounds: two values, the lower one first."""
    return st.tuples(values, values).filter(lambda pair: pair[0] < pair[1])


NUMBERS = st.one_of(
    pairs(REALS).map(lambda b: uniform(*b)),
    pairs(ABOVE_0).map(lambda b: loguniform(*b)),
    st.builds(lambda b, q: quniform(*b, q), pairs(REALS), ABOVE_0),
    st.builds(lambda b, q: qloguniform(*b, q), pairs(ABOVE_0), ABOVE_0),
    st.builds(normal, REALS, ABOVE_0),
    st.builds(lognormal, REALS, ABOVE_0),
    st.builds(qnormal, REALS, ABOVE_0, ABOVE_0),
    st.builds(qlognormal, REALS, ABOVE_0, ABOVE_0),
    pairs(st.integers()).map(lambda b: randint(*b)),
    pairs(st.integers(-(10**9), 10**9)).map(lambda b: uniformint(*b)),
)
CONSTANTS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(-10, 10), st.text(max_size=5))
KEYS = st.text("abc_", min_size=1, max_size=4)


def weighted(options: list[Any]) -> Any:
    total = sum(range(1, len(options) + 1))
    return pchoice([(weight / total, option) for weight, option in enumerate(options, start=1)])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        # A single key with numbers would read as a builder's call, which has its own tests.
        st.dictionaries(KEYS, inner, min_size=2, max_size=3),
        st.lists(inner, min_size=1, max_size=3).map(choice),
        st.lists(inner, min_size=1, max_size=3).map(weighted),
        st.builds(lambda key, number: {key: number}, KEYS, NUMBERS),
    )


TREES = st.recursive(NUMBERS | CONSTANTS, nested, max_leaves=12)
SPACES = st.one_of(
    NUMBERS,
    st.lists(TREES, min_size=1).map(choice),
    st.builds(lambda number, rest: {"x": number, "rest": rest}, NUMBERS, TREES),
    st.builds(lambda number, rest: [number, rest], NUMBERS, TREES),
)


@given(SPACES)
def test_a_space_goes_to_json_and_back(space: Any) -> None:
    """parse(to_json(space)) equals the space, also after a round trip through JSON text."""
    tree = parse(space)
    assert parse(to_json(tree)) == tree
    text = json.dumps(to_json(tree), allow_nan=False)
    assert parse(json.loads(text)) == tree
    assert json.dumps(to_json(parse(json.loads(text)))) == text


@given(SPACES)
def test_a_table_of_dimensions_has_a_row_for_each(space: Any) -> None:
    """Labels are unique, parents come before their children, and the rows are JSON."""
    tree = parse(space)
    rows = dimensions(tree)
    assert [row.label for row in rows] == [label for label, *_ in walk(tree)]
    assert len({row.label for row in rows}) == len(rows)
    seen: dict[str, Any] = {}
    for row in rows:
        if row.parent is not None:
            assert row.branch in range(len(seen[row.parent].options))
        seen[row.label] = row
    json.dumps([row.to_json() for row in rows], allow_nan=False)


def test_ways_to_write_a_space() -> None:
    """JSON by hand, builders and a mixture of both give the same space."""
    by_hand = {
        "lr": {"loguniform": [0.0001, 1.0]},
        "depth": {"randint": [2, 12]},
        "booster": {"choice": ["gbtree", "dart"]},
        "momentum": {"pchoice": [[0.7, 0], [0.3, {"normal": [0.9, 0.05]}]]},
    }
    built = {
        "lr": loguniform(0.0001, 1.0),
        "depth": {"randint": (2, 12)},
        "booster": choice(("gbtree", "dart")),
        "momentum": pchoice([(0.7, 0), (0.3, normal(0.9, 0.05))]),
    }
    assert parse(by_hand) == parse(built)
    assert to_json(parse(built)) == by_hand


# --- invalid spaces and the messages about them

NAN, INF = math.nan, math.inf
LOG_WAY_OUT = "use uniform for a range from 0, or a small positive bound"


@pytest.mark.parametrize(
    ("kind", "args", "message"),
    [
        ("loguniform", [0, 1], rf"lower bound .* above 0, got loguniform\(0, 1\); .*{LOG_WAY_OUT}"),
        ("loguniform", [-1, 1], rf"above 0, got loguniform\(-1, 1\).*{LOG_WAY_OUT}"),
        ("qloguniform", [0, 8, 1], rf"above 0, got qloguniform\(0, 8, 1\).*{LOG_WAY_OUT}"),
        ("uniform", [1, 0], r"lower bound of uniform must be below the upper one, got uniform\(1, 0\)"),
        ("uniform", [1, 1], "must be below the upper one"),
        ("loguniform", [2, 1], "must be below the upper one"),
        ("quniform", [1, 0, 0.1], "must be below the upper one"),
        ("randint", [5, 5], "must be below the upper one"),
        ("uniformint", [9, 3], "must be below the upper one"),
        ("uniform", [NAN, 1], r"low of uniform must be a finite number, got uniform\(nan, 1\)"),
        ("uniform", [0, INF], r"high of uniform must be a finite number"),
        ("uniform", [0, 10**400], r"high of uniform must be a finite number"),
        ("uniform", [0, 10**5000], r"must be a finite number, got uniform\(0, a number of 16610 bits\)"),
        ("normal", [0, "wide"], r"sigma of normal must be a finite number, got normal\(0, 'wide'\)"),
        ("randint", [2, "12"], r"got randint\(2, '12'\); .* set render_template_as_native_obj=True"),
        ("uniform", [False, True], r"low of uniform must be a finite number"),
        ("uniform", [0, "{{ params.high }}"], "with a template, write .* as an object"),
        ("randint", [None, 3], r"low of randint must be a finite number"),
        ("uniform", [1], r"uniform takes low, high, got uniform\(1\)"),
        ("uniform", [], r"uniform takes low, high, got uniform\(\)"),
        ("quniform", [0, 1], r"quniform takes low, high, q, got quniform\(0, 1\)"),
        ("qlognormal", [0, 1, 1, 1], "qlognormal takes mu, sigma, q, got"),
        ("randint", [2.0, 12], r"bounds of randint must be whole numbers, got randint\(2.0, 12\)"),
        ("uniformint", [2, 12.5], r"bounds of uniformint must be whole numbers.*use quniform"),
        ("normal", [0, 0], r"sigma of normal must be above 0, got normal\(0, 0\)"),
        ("lognormal", [0, -1], r"sigma of lognormal must be above 0"),
        ("qnormal", [0, 1, 0], r"q of qnormal must be above 0, got .*the step between values"),
        ("quniform", [0, 1, -0.1], r"q of quniform must be above 0"),
    ],
)
def test_bounds_are_checked(kind: str, args: list[Any], message: str) -> None:
    """Each builder's error has the rule and the call, in Python and in JSON; in JSON also the place."""
    with pytest.raises(SpecError, match=rf"space\['lr'\]: .*{message}"):
        parse({"lr": {kind: args}})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loguniform(0, 1), "above 0, got loguniform"),
        (lambda: uniform(1, 0), "below the upper one"),
        (lambda: randint(0, 2.5), "whole numbers"),
        (lambda: qnormal(0, 1, 0), "q of qnormal"),
        (lambda: choice([]), "choice needs at least one option"),
        (lambda: choice("gbtree"), r"choice takes a list of options, got 'gbtree'; write choice\(\[a, b\]\)"),
        (lambda: choice({"a": 1}), "choice takes a list of options"),
        (lambda: choice({"a", "b"}), "choice takes a list of options"),
        (lambda: choice(5), "choice takes a list of options, got 5"),
        (lambda: pchoice({"a": 0.5, "b": 0.5}), "pchoice takes a list of options"),
        (lambda: pchoice([]), "needs at least one option"),
        (lambda: pchoice(["a", "b"]), r"pairs of a probability and an option, got 'a'; write pchoice\("),
        (lambda: pchoice([("a", 0.7), ("b", 0.3)]), "pairs of a probability and an option"),
        (lambda: pchoice([(0.7, "a"), (0.2, "b")]), r"add up to 1, got \[0.7, 0.2\]; use choice"),
        (lambda: pchoice([(1.5, "a"), (-0.5, "b")]), "must be at least 0"),
        (lambda: pchoice([(NAN, "a"), (1, "b")]), "pairs of a probability and an option"),
        (lambda: pchoice([(True, "a")]), "pairs of a probability and an option"),
    ],
)
def test_builders_check_their_arguments_at_once(call: Any, message: str) -> None:
    """An invalid call raises in the line of the call."""
    with pytest.raises(SpecError, match=message):
        call()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "at least one parameter to tune, got {}; write for example"),
        ({"lr": 0.1}, "at least one parameter to tune"),
        ([1, 2], "at least one parameter to tune"),
        ("lr", "at least one parameter to tune"),
        (None, "at least one parameter to tune"),
        (
            {"lr": {"unifrom": [0, 1]}},
            r"space\['lr'\] must name a known builder, got 'unifrom'; did you mean",
        ),
        ({"lr": {"log_uniform": [0.1, 1]}}, "did you mean 'loguniform'"),
        ({"unifrom": [0, 1]}, "did you mean 'uniform'"),
        ({"m": {"choise": ["a", "b"]}}, r"did you mean 'choice'"),
        ({"m": {"choice": [{"choise": ["a", "b"]}]}}, r"space\['m'\]\[0\] must name .* 'choice'"),
        ({"lr": {"gamma": [0, 1]}}, r"got 'gamma'; they are uniform, .*objective_kwargs"),
        ({"lr": {"uniform": 1}}, r"space\['lr'\]: the arguments of uniform must be a list, got 1"),
        ({"lr": {"uniform": {"low": 0}}}, r"the arguments of uniform must be a list"),
        ({"m": {"choice": []}}, r"space\['m'\]: choice needs at least one option"),
        ({"m": {"choice": "ab"}}, r"space\['m'\]: the arguments of choice must be a list"),
        ({"m": {"pchoice": [[0.5, "a"]]}}, r"space\['m'\]: .*add up to 1"),
        ({"m": {"pchoice": [0.5, 0.5]}}, r"space\['m'\]: pchoice takes pairs"),
        (
            {"a": {"b": uniform(0, 1)}, "a.b": uniform(0, 1)},
            "label of its own, got 'a.b' twice; rename a key",
        ),
        ({"a": [uniform(0, 1)], "a[0]": uniform(0, 1)}, r"got 'a\[0\]' twice"),
        ({"a": {1: uniform(0, 1), 2: 3}}, r"space\['a'\] must have text keys, got 1; write '1'"),
        ({"lr": float("nan"), "x": uniform(0, 1)}, r"space\['lr'\] must be a finite number"),
    ],
)
def test_invalid_spaces(space: Any, message: str) -> None:
    """An invalid space is rejected with its place and the way out."""
    with pytest.raises(SpecError, match=message):
        parse(space)


def test_spaces_that_are_too_large() -> None:
    """A choice may be used many times, but its copies count."""
    deep: Any = uniform(0, 1)
    for _ in range(120):
        deep = [deep]
    with pytest.raises(SpecError, match="space is too large: values must be nested at most 100 deep"):
        parse({"x": deep})
    wide = choice([0, 1])
    for _ in range(7):
        wide = choice([wide] * 9)
    with pytest.raises(SpecError, match="space is too large: there must be at most 1000000 values"):
        parse({"x": wide})


class Model:
    pass


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: choice(["a", Model()]), r"choice\[1\]"),
        (lambda: choice([{"model": Model()}]), r"choice\[0\]\['model'\]"),
        (lambda: pchoice([(1, Model)]), r"pchoice\[0\]"),
        (lambda: parse({"m": {"choice": [Model()]}}), r"space\['m'\]\[0\]"),
        (lambda: parse({"m": Model(), "x": uniform(0, 1)}), r"space\['m'\]"),
    ],
)
def test_options_must_be_json(make: Any, place: str) -> None:
    """An option that JSON cannot hold is rejected with its place and the way out."""
    with pytest.raises(
        SpecError, match=f"^{place} must be plain JSON .*pass a name.*build the object inside"
    ):
        make()


@pytest.mark.parametrize(
    "space",
    [{"lr": hp.uniform("lr", 0, 1)}, hp.choice("c", [1, 2]), [hp.randint("n", 5)]],
    ids=["a", "b", "c"],
)
def test_a_hyperopt_space_must_be_referenced_by_name(space: Any) -> None:
    """A hyperopt expression has no JSON form: the message says how to name such a space."""
    with pytest.raises(SpecError, match=r"got a hyperopt expression; .*space='module:SPACE'"):
        parse(space)


@pytest.mark.parametrize(
    "space",
    [
        {"net": choice([{"layers": [64, 32]}, {"layers": [128]}])},
        {"net": {"choice": [{"betas": [0.9, 0.999]}, "none"]}},
        {"net": pchoice([(1.0, {"layers": [64, 32]})])},
        {"norms": [uniform(0, 1), uniform(0, 1)]},
        {"random": [uniform(0, 1), 2]},
        {"formats": {"form": ["a", "b"]}, "x": uniform(0, 1)},
        {"uniform": uniform(0, 1), "normal": [0, 1]},
    ],
    ids=str,
)
def test_options_that_resemble_a_misspelled_builder(space: Any) -> None:
    """An option with a list of numbers under a key, and a parameter's own name, are accepted."""
    assert parse(to_json(parse(space))) == parse(space)


def test_bounds_that_numpy_computed() -> None:
    """numpy's numbers are accepted, and have a JSON form."""
    built = {
        "n": randint(np.int64(2), np.int32(12)),
        "x": uniform(np.float32(0.5), np.float64(1)),
        "c": choice(np.array([1, 2])),
        "p": pchoice([(np.float64(0.5), "a"), (np.float64(0.5), np.str_("b"))]),
    }
    tree = parse(built)
    assert json.loads(json.dumps(to_json(tree))) == {
        "n": {"randint": [2, 12]},
        "x": {"uniform": [0.5, 1.0]},
        "c": {"choice": [1, 2]},
        "p": {"pchoice": [[0.5, "a"], [0.5, "b"]]},
    }
    assert parse(to_json(tree)) == tree


def test_every_builder_is_a_function() -> None:
    """Every builder in JSON exists as a Python function."""
    from airflow_sparktune.study import space

    assert all(callable(getattr(space, name)) for name in BUILDERS)
