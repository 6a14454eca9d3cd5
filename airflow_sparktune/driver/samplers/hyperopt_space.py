"""Convert search spaces to hyperopt expressions, and read the dimensions of hyperopt expressions.

Only this file depends on the structure of hyperopt's graphs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hyperopt import hp, pyll

from airflow_sparktune.errors import SpecError
from airflow_sparktune.executor.objective import load
from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.json_values import plain, scalar
from airflow_sparktune.study.space import Choice, Number
from airflow_sparktune.study.space.dimensions import Dimension, dimensions, name_of
from airflow_sparktune.study.space.match import Computed, Parameter
from airflow_sparktune.study.space.nodes import Condition, replaced

# Nodes between a value and its parameter that change only the type.
_CASTS = ("float", "int")


def hyperopt_space(space: Any) -> tuple[Any, tuple[Dimension, ...]]:
    """Return the hyperopt expression of a spec's `space`, and its dimensions.

    Raises SpecError for a hyperopt space with duplicate labels, without parameters, or with options that are
    not JSON.
    """
    if isinstance(space, str):
        reference, space = space, load(space)
        if _contains_hyperopt(space):
            expression = pyll.as_apply(space)
            return expression, _checked(expression, reference)
    tree = spaces.parse(space)
    return replaced(tree, _write), dimensions(tree)


def read_dimensions(expression: Any) -> tuple[Dimension, ...]:
    """Return the dimensions of a hyperopt expression, whose options may be any objects."""
    return _table(_read(expression, any_value=True))


def places(node: Any, rows: Mapping[str, Dimension]) -> Any:
    """Return a hyperopt expression in the form that `point_of` reads."""
    match node.name:
        case "switch" if node.pos_args[0].name == "hyperopt_param":
            chooser, *options = node.pos_args
            below = tuple(places(option, rows) for option in options)
            return Parameter(rows[chooser.arg["label"].obj], below)
        case "hyperopt_param":
            return Parameter(rows[node.arg["label"].obj])
        case name if name in _CASTS and len(node.pos_args) == 1:
            return places(node.pos_args[0], rows)
        case "literal":
            return plain(node.obj, what="a constant of the space")
        case "dict" if not node.pos_args:
            return {key: places(item, rows) for key, item in node.named_args}
        case "pos_args":
            return [places(item, rows) for item in node.pos_args]
        case name:
            return Computed(name)


def graph_lines(expression: Any, *, words: Callable[[Any], str]) -> Iterator[str]:
    """Yield a line for each node of an expression; a node refers to its inputs by their line numbers."""
    lines: dict[int, int] = {}
    for node in pyll.dfs(expression):
        inputs = [lines[id(item)] for item in node.inputs()]
        what = words(node.obj) if isinstance(node, pyll.Literal) else node.name
        yield f"{what} {inputs} {[name for name, _ in node.named_args]}"
        lines[id(node)] = len(lines)


def _contains_hyperopt(found: Any) -> bool:
    match found:
        case pyll.Apply():
            return True
        case Mapping():
            return any(_contains_hyperopt(item) for item in found.values())
        case list() | tuple():
            return any(_contains_hyperopt(item) for item in found)
        case _:
            return False


def _write(label: str, dimension: Number | Choice, options: list[Any]) -> Any:
    """Return a dimension of ours as a hyperopt expression; `options` are those of a choice."""
    match dimension:
        case Choice(_, None):
            return hp.choice(label, options)
        case Choice(_, weights):
            return hp.pchoice(label, list(zip(weights or (), options, strict=True)))
        case Number("uniformint", args):  # the only form of hp.uniformint that atpe can read
            return pyll.scope.int(hp.quniform(label, *args, 1))
        case Number("loguniform" | "qloguniform" as kind, (low, high, *step)):
            # hyperopt takes the logarithms of the bounds as arguments.
            return getattr(hp, kind)(label, math.log(low), math.log(high), *step)
        case Number(kind, args):
            return getattr(hp, kind)(label, *args)


def _read(
    node: Any, condition: Condition = (), *, whole: bool = False, any_value: bool = False
) -> Iterator[Dimension]:
    """Yield the dimensions below a node of hyperopt's graph, in the order of the graph.

    Raises SpecError for values that are not JSON, unless `any_value`.
    """
    name_option = _kind_of_option if any_value else _option_name
    match node.name:
        case "switch" if node.pos_args[0].name == "hyperopt_param":
            chooser, *options = node.pos_args
            label, drawn = chooser.arg["label"].obj, chooser.arg["obj"]
            names = tuple(name_option(option, index, label=label) for index, option in enumerate(options))
            weights = None
            if drawn.name == "categorical":
                weights = tuple(map(float, pyll.rec_eval(drawn.arg["p"])))
            yield Dimension(label, "choice", options=names, weights=weights, conditions=(condition,))
            for index, option in enumerate(options):
                yield from _read(option, (*condition, (label, index)), any_value=any_value)
        case "hyperopt_param":
            yield _read_number(node.arg["label"].obj, node.arg["obj"], condition, whole=whole)
        case "literal" if not any_value:
            _constant(node.obj, label=condition[-1][0] if condition else None)
        case name:
            # hp.uniformint is int(float(quniform)).
            whole = name == "int" or (whole and name == "float")
            for item in node.inputs():
                yield from _read(item, condition, whole=whole, any_value=any_value)


def _read_number(label: str, node: Any, condition: Condition, *, whole: bool) -> Dimension:
    # Bounds may be numpy scalars, which the journal cannot hold.
    given = {name: scalar(arg.obj) for name, arg in node.arg.items() if isinstance(arg, pyll.Literal)}
    kind, step, log = node.name, given.get("q"), "log" in node.name
    low, high = given.get("low"), given.get("high")
    if kind == "randint":
        low, high = (0, low) if high is None else (low, high)
        high = None if high is None else high - 1
    if low is not None and high is not None and low > high:
        raise SpecError(
            f"space {label!r}: the lower bound of {kind} must be below the upper one, got {low} and {high}"
        )
    first, second = given.get("mu", low), given.get("sigma", high)
    extent = None if first is None or second is None else (first, second)
    if log and low is not None and high is not None:
        low, high = _exp(low), _exp(high)
    if whole and kind == "quniform" and step == 1:
        kind, step = "uniformint", None
    return Dimension(label, kind, low, high, step, log=log, extent=extent, conditions=(condition,))


def _exp(bound: float) -> float | None:
    """Return a bound in natural units, without the rounding error of its logarithm; None for infinity.

    >>> _exp(math.log(1e-4)), _exp(1000)
    (0.0001, None)
    """
    try:
        return float(f"{math.exp(bound):.12g}")
    except OverflowError:  # usually the bound itself was given instead of its logarithm; hyperopt accepts it
        return None


def _option_name(option: Any, index: int, *, label: str) -> str:
    """Return the name of an option; raises SpecError if the option is not JSON."""
    if option.name == "literal":
        return name_of(_constant(option.obj, label=label))
    labels = [item.label for item in _read(option, ((label, index),))]
    if labels:
        return f"{index}: {', '.join(labels)}"
    return name_of(_constant(pyll.rec_eval(option), label=label))


def _kind_of_option(option: Any, index: int, *, label: str) -> str:
    """Return the name of any option, without its memory address, which differs between runs."""
    if option.name != "literal":
        labels = [item.label for item in _read(option, any_value=True)]
        return f"{index}: {', '.join(labels) or option.name}"
    try:
        return name_of(plain(option.obj, what=label))
    except SpecError:
        return str(getattr(option.obj, "__qualname__", type(option.obj).__qualname__))


def _constant(value: Any, *, label: str | None) -> Any:
    """Return a constant of the space as JSON; `label` is the choice that contains it."""
    try:
        return plain(value, what="it")
    except SpecError:
        where = f"the options of {label!r}" if label else "the constants of a space"
        raise SpecError(
            f"{where} must be plain JSON, got {type(value).__name__}; "
            "use names as options, and build the object from its name inside the objective"
        ) from None


def _checked(expression: Any, reference: str) -> tuple[Dimension, ...]:
    """Return the dimensions of a user's space; raises SpecError for duplicate labels and an empty space."""
    found = _table(_read(expression))
    nodes = Counter(node.arg["label"].obj for node in pyll.dfs(expression) if node.name == "hyperopt_param")
    if not nodes:
        raise SpecError(f"space must have at least one parameter to tune, got none in {reference!r}")
    for label, times in nodes.items():
        if times > 1:
            raise SpecError(
                f"each parameter of a space needs its own label, got {label!r} twice in {reference!r}; "
                "rename one"
            )
    return found


def _table(rows: Iterator[Dimension]) -> tuple[Dimension, ...]:
    """Return each parameter once, with the conditions of all places that use it."""
    found: dict[str, Dimension] = {}
    for item in rows:
        known = found.get(item.label, item)
        conditions = tuple(dict.fromkeys((*known.conditions, *item.conditions)))
        found[item.label] = replace(item, conditions=conditions)
    return tuple(found.values())
