"""Runs of a script have the same identity, unless the objective, space or algorithm changes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from functools import partial, wraps
from threading import Lock
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from hyperopt import hp, pyll, rand, tpe

from airflow_sparktune.driver.fmin.sampler import given_seed
from airflow_sparktune.driver.fmin.spec import function_spec
from airflow_sparktune.driver.samplers.hyperopt_space import read_dimensions
from airflow_sparktune.study.definition import Spec

SPACE = {"x": hp.uniform("x", 0, 1)}


class Model:
    """An object whose repr contains its address."""

    def __init__(self, depth: int = 1) -> None:
        self.depth = depth

    def loss(self, params: Any) -> float:
        return 1.0

    def __call__(self, params: Any) -> float:
        return 2.0


def spec_of(function: Any, space: Any = SPACE, algo: Any = rand.suggest, **limits: Any) -> Spec:
    return function_spec(function, space=pyll.as_apply(space), algo=algo, **({"max_evals": 3} | limits))


def written(source: str) -> FunctionType:
    """Return a new copy of an objective, as each run of a script creates it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)
    return names["loss"]


def test_a_script_that_runs_again_continues_its_study() -> None:
    first = spec_of(written("def loss(p):\n    return p['x'] in {'a', 'b', 'c'}"))
    again = spec_of(
        written("\n# a remark\n\ndef loss(p):\n    return p['x'] in {'a', 'b', 'c'}  # as before")
    )
    assert first == again
    assert (first.objective, first.algo) == ("__main__:loss", "hyperopt.rand:suggest")


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        ({"function": written("def loss(p):\n    return p['x'] + 2")}, "code"),
        ({"function": written("def loss(p, by=2):\n    return p['x'] + 1")}, "code"),
        ({"space": {"x": hp.uniform("x", 0, 2)}}, "space"),
        ({"space": {**SPACE, "trees": 100}}, "space"),
        ({"algo": tpe.suggest}, "algo"),
        ({"algo": partial(rand.suggest, n_startup_jobs=3)}, "code"),
        ({"seed": 8}, "seed"),
    ],
)
def test_a_changed_objective_space_or_algorithm_is_another_study(other: dict[str, Any], changed: str) -> None:
    given = {"function": written("def loss(p):\n    return p['x'] + 1"), "seed": 7}
    assert spec_of(**given).changed_identity(spec_of(**(given | other))) == (changed,)


def test_limits_do_not_change_the_identity_of_a_lambda() -> None:
    specs = [spec_of(lambda p: p["x"], max_evals=n) for n in (3, 5)]
    assert specs[0].changed_identity(specs[1]) == ()
    assert specs[0].objective.endswith("_lambda")


def test_objects_are_compared_by_value_not_by_address() -> None:
    spaces = [{"model": hp.choice("model", [Model(), Model, len])} for _ in range(2)]
    assert spec_of(len, spaces[0]) == spec_of(len, spaces[1])
    (dimension,) = read_dimensions(pyll.as_apply(spaces[0]))
    assert dimension.options == ("Model", "Model", "len")


def test_the_function_inside_partials_and_wrappers_counts() -> None:
    def loss(params: Any, data: str = "") -> float:
        return 1.0

    @wraps(loss)
    def timed(*given: Any) -> float:
        return loss(*given)

    assert spec_of(timed) == spec_of(loss)
    assert spec_of(partial(loss, data="a")).objective == spec_of(loss).objective
    assert spec_of(partial(loss, data="a")) == spec_of(partial(loss, data="a"))
    assert spec_of(partial(loss, data="a")) != spec_of(partial(loss, data="b"))
    # An object that cannot be described is represented by its type.
    assert spec_of(partial(loss, data=Lock())) == spec_of(partial(loss, data=Lock()))
    assert spec_of(partial(loss, data=Lock())) != spec_of(partial(loss, data=object()))


def test_data_are_compared_by_content() -> None:
    def loss(params: Any, data: Any) -> float:
        return 1.0

    few, many = (partial(loss, data=np.zeros(9_000)) for _ in range(2))
    assert spec_of(few) == spec_of(many)
    many.keywords["data"][4_500] = 1
    assert spec_of(few).changed_identity(spec_of(many)) == ("code",)
    spaces = [{**SPACE, "weights": partial_.keywords["data"]} for partial_ in (few, many)]
    assert spec_of(len, spaces[0]).changed_identity(spec_of(len, spaces[1])) == ("space",)
    assert spec_of(len, {**SPACE, "model": Model()}) != spec_of(len, {**SPACE, "model": Model(2)})


def test_functions_of_the_same_module_count_but_other_globals_do_not() -> None:
    source = "def helper(x):\n    return {}\nlimit = {}\ndef loss(p):\n    return max(map(helper, p)) + limit"
    first = spec_of(written(source.format("x + 1", 1)))
    assert spec_of(written(source.format("x + 1", 2))) == first
    assert spec_of(written(source.format("x + 2", 1))) != first


@pytest.mark.integration
def test_the_identity_is_the_same_in_every_process() -> None:
    """Neither the order of a set nor a memory address changes the identity."""
    script = textwrap.dedent("""
        import numpy as np
        from functools import partial
        from hyperopt import hp, pyll, rand
        from airflow_sparktune.driver.fmin.spec import function_spec

        class Box:
            def __init__(self):
                self.held = {"a", "b", "c"}

        names = ({"a", "b", "c"}, {"k": frozenset("def")})

        def loss(p, names=names, rng=np.random.default_rng(0), box=Box()):
            return p in {"x", "y", "z"}

        options = [{"a", "b", "c"}, np.random.RandomState(0), Box(), lambda x: x in {"a", "b"}]
        space = {"x": hp.choice("x", options), "fixed": (frozenset("abc"), np.arange(9))}
        tuned = partial(loss, box={1: Box(), "f": len})
        print(function_spec(tuned, space=pyll.as_apply(space), algo=rand.suggest, max_evals=1).to_json())
    """)
    specs = [
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert specs[0] == specs[1]


def test_the_code_of_methods_and_callable_objects_counts() -> None:
    assert spec_of(Model().loss) == spec_of(Model().loss)
    assert spec_of(Model()) == spec_of(Model())
    assert spec_of(Model()).code != spec_of(Model().loss).code
    assert spec_of(Model()).objective.endswith(":Model")


@pytest.mark.parametrize(
    ("generator", "seed"),
    [
        (np.random.default_rng(0), 0),
        (np.random.default_rng(np.int64(5)), 5),
        (np.random.default_rng(), None),
        (np.random.default_rng([1, 2]), None),
        (np.random.default_rng(7).spawn(1)[0], None),
        (np.random.Generator(np.random.MT19937(3)), 3),
    ],
)
def test_a_seed_counts_only_if_it_was_given(generator: np.random.Generator, seed: int | None) -> None:
    assert given_seed(generator) == seed
