"""Search spaces as hyperopt's expressions: ours are turned into one, a user's own is read.

Beside the sampler, the one place that knows how hyperopt writes a space down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hyperopt import hp, pyll

from airflow_sparktune.errors import SpecError
from airflow_sparktune.executor.objective import load
from airflow_sparktune.study import space as spaces
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.space import Choice, Dimension, Number, name_of


def hyperopt_space(space: Any) -> tuple[Any, tuple[Dimension, ...]]:
    """hyperopt's expression of a spec's `space`, and the table of its dimensions.

    Raises SpecError for a user's space with two parameters of one label, with none, or with options
    that JSON cannot hold.
    """
    if isinstance(space, str):
        reference, space = space, load(space)
        if _holds_hyperopt(space):
            expression = pyll.as_apply(space)
            return expression, _checked(tuple(_read(expression)), reference)
    tree = spaces.parse(space)
    return _write(tree), spaces.dimensions(tree)


def _holds_hyperopt(found: Any) -> bool:
    match found:
        case pyll.Apply():
            return True
        case Mapping():
            return any(_holds_hyperopt(item) for item in found.values())
        case list() | tuple():
            return any(_holds_hyperopt(item) for item in found)
        case _:
            return False


def _write(tree: Any, path: str = "") -> Any:
    """Our space as hyperopt's; labels are the paths that `spaces.walk` gives."""
    label = path or "value"
    match tree:
        case Number(kind, args):
            if kind == "uniformint":  # hp.uniformint, in the one form that atpe can read too
                return pyll.scope.int(hp.quniform(label, *args, 1))
            # hyperopt takes the logarithms of the bounds.
            if kind in ("loguniform", "qloguniform"):
                args = (math.log(args[0]), math.log(args[1]), *args[2:])
            return getattr(hp, kind)(label, *args)
        case Choice(options, weights):
            nested = [_write(option, f"{label}[{index}]") for index, option in enumerate(options)]
            if weights is None:
                return hp.choice(label, nested)
            return hp.pchoice(label, list(zip(weights, nested, strict=True)))
        case Mapping():
            return {key: _write(item, f"{path}.{key}" if path else key) for key, item in tree.items()}
        case list():
            return [_write(item, f"{path}[{index}]") for index, item in enumerate(tree)]
        case _:
            return tree


def _read(
    node: Any, parent: str | None = None, branch: int | None = None, *, whole: bool = False
) -> Iterator[Dimension]:
    """The dimensions below a node of hyperopt's graph, in the order of the space."""
    match node.name:
        case "switch" if node.pos_args[0].name == "hyperopt_param":
            chooser, *options = node.pos_args
            label = chooser.arg["label"].obj
            names = tuple(_option_name(option, index, label) for index, option in enumerate(options))
            yield Dimension(label, "choice", options=names, parent=parent, branch=branch)
            for index, option in enumerate(options):
                yield from _read(option, label, index)
        case "hyperopt_param":
            yield _read_number(node.arg["label"].obj, node.arg["obj"], parent, branch, whole=whole)
        case "literal":
            plain(
                node.obj,
                what=f"a constant of the space under {parent!r}" if parent else "a constant of the space",
            )
        case name:
            # hp.uniformint is int(float(quniform)).
            whole = name == "int" or (whole and name == "float")
            for item in node.inputs():
                yield from _read(item, parent, branch, whole=whole)


def _read_number(label: str, node: Any, parent: str | None, branch: int | None, *, whole: bool) -> Dimension:
    given = {name: arg.obj for name, arg in node.arg.items() if isinstance(arg, pyll.Literal)}
    low, high = given.get("low"), given.get("high")
    if node.name == "randint":
        low, high = (0, given["low"] - 1) if high is None else (low, high - 1)
    elif "log" in node.name and low is not None and high is not None:
        low, high = math.exp(low), math.exp(high)
    kind = "uniformint" if whole and node.name == "quniform" else node.name
    return Dimension(
        label, kind, low, high, given.get("q"), log="log" in node.name, parent=parent, branch=branch
    )


def _option_name(option: Any, index: int, label: str) -> str:
    """What an option is called; refuses objects, with the way out."""
    if option.name != "literal":
        labels = [item.label for item in _read(option)]
        return (
            f"{index}: {', '.join(labels)}" if labels else name_of(plain(pyll.rec_eval(option), what=label))
        )
    try:
        return name_of(plain(option.obj, what=label))
    except SpecError:
        raise SpecError(
            f"the options of {label!r} must be plain JSON, got {type(option.obj).__name__}; "
            "offer names, and build the object from its name inside the objective"
        ) from None


def _checked(found: tuple[Dimension, ...], reference: str) -> tuple[Dimension, ...]:
    labels = [item.label for item in found]
    if not labels:
        raise SpecError(f"space must have at least one parameter to tune, got none in {reference!r}")
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(
                f"each parameter of a space needs a label of its own, got {label!r} twice in {reference!r}; "
                "rename one"
            )
    return found
