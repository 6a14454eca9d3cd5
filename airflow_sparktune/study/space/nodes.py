"""The dimensions of a space: numbers and choices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import UNQUOTED, is_numeric, scalar, shown

# The choices that make a dimension active, outermost first: the label of each, and the index of its option.
Condition = tuple[tuple[str, int], ...]

# The argument names of each builder of a number.
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "quniform": ("low", "high", "q"),
    "qloguniform": ("low", "high", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("low", "high"),
    "uniformint": ("low", "high"),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric dimension; `args` are in natural units, as `NUMBERS` names them."""

    kind: str
    args: tuple[float, ...]

    def __post_init__(self) -> None:
        # Bounds computed with numpy become Python numbers.
        object.__setattr__(self, "args", tuple(map(scalar, self.args)))
        _check_number(self.kind, self.args)

    def to_json(self) -> dict[str, Any]:
        return {self.kind: list(self.args)}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several options, which may contain dimensions. `weights` are probabilities and add up to 1."""

    options: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.options:
            raise SpecError("choice needs at least one option, got none; write choice([a, b])")
        if self.weights is None:
            return
        if any(weight < 0 for weight in self.weights) or not math.isclose(sum(self.weights), 1, abs_tol=1e-6):
            raise SpecError(
                "the probabilities of pchoice must be at least 0 and add up to 1, got "
                f"{shown(list(self.weights))}; use choice for equal ones"
            )

    def to_json(self) -> dict[str, Any]:
        if self.weights is None:
            return {"choice": [to_json(option) for option in self.options]}
        pairs = zip(self.weights, self.options, strict=True)
        return {"pchoice": [[weight, to_json(option)] for weight, option in pairs]}


def to_json(tree: Any) -> Any:
    """Return the space in the JSON form that a person would write."""
    match tree:
        case Number() | Choice():
            return tree.to_json()
        case Mapping():
            return {key: to_json(item) for key, item in tree.items()}
        case list() | tuple():
            return [to_json(item) for item in tree]
        case _:
            return tree


def walk(
    tree: Any, path: str = "", condition: Condition = ()
) -> Iterator[tuple[str, Number | Choice, Condition]]:
    """Yield (label, dimension, its condition); the label is the dimension's path in the space.

    >>> from airflow_sparktune.study.space import choice, uniform
    >>> space = {"model": choice([{"C": uniform(0, 1)}, "none"])}
    >>> [(label, condition) for label, _, condition in walk(space)]
    [('model', ()), ('model[0].C', (('model', 0),))]
    """
    match tree:
        case Number():
            yield path or "value", tree, condition
        case Choice():
            label = path or "value"
            yield label, tree, condition
            for index, option in enumerate(tree.options):
                yield from walk(option, f"{label}[{index}]", (*condition, (label, index)))
        case Mapping():
            for key, item in tree.items():
                yield from walk(item, f"{path}.{key}" if path else key, condition)
        case list():
            for index, item in enumerate(tree):
                yield from walk(item, f"{path}[{index}]", condition)


def replaced(tree: Any, replace: Callable[[str, Number | Choice, list[Any]], Any], path: str = "") -> Any:
    """Return the space with `replace(label, dimension, options)` in the place of each dimension.

    Labels are those of `walk`. `options` are those of a choice, after the same replacement.
    """
    match tree:
        case Number():
            return replace(path or "value", tree, [])
        case Choice():
            label = path or "value"
            options = [
                replaced(option, replace, f"{label}[{index}]") for index, option in enumerate(tree.options)
            ]
            return replace(label, tree, options)
        case Mapping():
            return {
                key: replaced(item, replace, f"{path}.{key}" if path else key) for key, item in tree.items()
            }
        case list():
            return [replaced(item, replace, f"{path}[{index}]") for index, item in enumerate(tree)]
        case _:
            return tree


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def _check_number(kind: str, args: tuple[float, ...]) -> None:
    names = NUMBERS[kind]
    call = f"{kind}({', '.join(map(shown, args))})"
    if len(args) != len(names):
        raise SpecError(f"{kind} takes {', '.join(names)}, got {call}")
    for name, value in zip(names, args, strict=True):
        if not is_number(value):
            way_out = f"; {UNQUOTED}" if is_numeric(value) else ""
            if not isinstance(value, int) and "{{" in str(value):  # a template, or an XComArg
                way_out = f"; with a template, write the dimension as an object: {{{kind!r}: [...]}}"
            raise SpecError(f"{name} of {kind} must be a finite number, got {call}{way_out}")
    given = dict(zip(names, args, strict=True))
    if kind in ("randint", "uniformint") and not all(isinstance(value, int) for value in args):
        raise SpecError(f"the bounds of {kind} must be whole numbers, got {call}; use quniform for steps")
    _check_bounds(kind, given, call)
    if given.get("sigma", 1) <= 0:
        raise SpecError(f"sigma of {kind} must be above 0, got {call}")
    if given.get("q", 1) <= 0:
        raise SpecError(f"q of {kind} must be above 0, got {call}; it is the step between values")


def _check_bounds(kind: str, given: Mapping[str, float], call: str) -> None:
    if "low" not in given:
        return
    if "log" in kind and given["low"] <= 0:
        raise SpecError(
            f"the lower bound of {kind} must be above 0, got {call}; a log scale never reaches 0: "
            f"use uniform for a range from 0, or a small positive bound such as {kind}(1e-6, ...)"
        )
    if given["low"] >= given["high"]:
        raise SpecError(f"the lower bound of {kind} must be below the upper one, got {call}")
