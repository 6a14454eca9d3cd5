"""Search spaces in natural units, JSON both ways.

A space nests dicts and lists around *dimensions*. In Python a dimension is made by a builder, in JSON
it is the object a person would write by hand:

>>> space = {"lr": loguniform(1e-4, 1.0), "depth": randint(2, 12), "booster": choice(["gbtree", "dart"])}
>>> to_json(space)["lr"]
{'loguniform': [0.0001, 1.0]}
>>> parse(to_json(space)) == space
True
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.plain import plain, scalar

# Builder name -> what its arguments are called.
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
CHOICES = ("choice", "pchoice")
BUILDERS = (*NUMBERS, *CHOICES)

# How alike a misspelled builder is (difflib's ratio): "unifrom" is, the parameter "norms" is not.
_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric dimension; `args` are in natural units, as `NUMBERS` names them."""

    kind: str
    args: tuple[float, ...]

    def __post_init__(self) -> None:
        # Bounds are often computed with numpy.
        object.__setattr__(self, "args", tuple(map(scalar, self.args)))
        _check_number(self.kind, self.args)

    def to_json(self) -> dict[str, Any]:
        return {self.kind: list(self.args)}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several options, which may hold dimensions of their own; `weights` add up to 1."""

    options: tuple[Any, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.options:
            raise SpecError("choice needs at least one option, got none; write choice([a, b])")
        if self.weights is None:
            return
        if any(weight < 0 for weight in self.weights) or not math.isclose(sum(self.weights), 1, abs_tol=1e-6):
            raise SpecError(
                f"the probabilities of pchoice must be at least 0 and add up to 1, got {list(self.weights)}; "
                "use choice for equal ones"
            )

    def to_json(self) -> dict[str, Any]:
        if self.weights is None:
            return {"choice": [to_json(option) for option in self.options]}
        pairs = zip(self.weights, self.options, strict=True)
        return {"pchoice": [[weight, to_json(option)] for weight, option in pairs]}


def uniform(low: float, high: float) -> Number:
    """Describe a real number between `low` and `high`."""
    return Number("uniform", (low, high))


def loguniform(low: float, high: float) -> Number:
    """Describe a real number between `low` and `high` (both above 0), even on a log scale: learning rates."""
    return Number("loguniform", (low, high))


def quniform(low: float, high: float, q: float) -> Number:
    """Like `uniform`, rounded to multiples of `q`; a float, see `uniformint` for whole numbers."""
    return Number("quniform", (low, high, q))


def qloguniform(low: float, high: float, q: float) -> Number:
    """Like `loguniform`, rounded to multiples of `q`."""
    return Number("qloguniform", (low, high, q))


def normal(mu: float, sigma: float) -> Number:
    """Describe a normally distributed real number, without bounds."""
    return Number("normal", (mu, sigma))


def lognormal(mu: float, sigma: float) -> Number:
    """Describe a positive number whose natural logarithm is normal(mu, sigma), as numpy defines it."""
    return Number("lognormal", (mu, sigma))


def qnormal(mu: float, sigma: float, q: float) -> Number:
    """Like `normal`, rounded to multiples of `q`."""
    return Number("qnormal", (mu, sigma, q))


def qlognormal(mu: float, sigma: float, q: float) -> Number:
    """Like `lognormal`, rounded to multiples of `q`."""
    return Number("qlognormal", (mu, sigma, q))


def randint(low: int, high: int) -> Number:
    """Describe a whole number from `low` to `high - 1`, without order: neighbours are not alike (hashes)."""
    return Number("randint", (low, high))


def uniformint(low: int, high: int) -> Number:
    """Describe a whole number from `low` to `high`, both included, with order: depths, layer sizes."""
    return Number("uniformint", (low, high))


def choice(options: Sequence[Any]) -> Choice:
    """Describe one of `options`; an option may be a value, or a dict or list with dimensions of its own."""
    return Choice(_options(options, place="choice"))


def pchoice(options: Sequence[tuple[float, Any]]) -> Choice:
    """Describe one of `options`, each a pair (probability, option)."""
    return Choice(*_pairs(options, place="pchoice"))


def parse(space: Any) -> Any:
    """Return a space from builders, from JSON, or a mixture: checked, and ready for `to_json` and `walk`.

    Raises SpecError for an unknown builder, bad bounds, two dimensions of one label, no dimension.
    """
    tree = _parse(space, place="space")
    labels = [label for label, _, _, _ in walk(tree)]
    if not labels:
        raise SpecError(
            f"space must have at least one parameter to tune, got {plain(space, what='space')!r}; "
            'write for example {"lr": loguniform(1e-4, 1.0)}'
        )
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(
                f"each parameter of a space needs a label of its own, got {label!r} twice; rename a key"
            )
    return tree


def to_json(tree: Any) -> Any:
    """Return the space as a person would write it in JSON."""
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
    tree: Any, path: str = "", parent: str | None = None, branch: int | None = None
) -> Iterator[tuple[str, Number | Choice, str | None, int | None]]:
    """Yield each dimension with its label (its path in the space), and the choice and option it hangs under.

    >>> [label for label, *_ in walk({"model": choice([{"C": uniform(0, 1)}, "none"])})]
    ['model', 'model[0].C']
    """
    match tree:
        case Number():
            yield path or "value", tree, parent, branch
        case Choice():
            label = path or "value"
            yield label, tree, parent, branch
            for index, option in enumerate(tree.options):
                yield from walk(option, f"{label}[{index}]", label, index)
        case Mapping():
            for key, item in tree.items():
                yield from walk(item, f"{path}.{key}" if path else key, parent, branch)
        case list():
            for index, item in enumerate(tree):
                yield from walk(item, f"{path}[{index}]", parent, branch)


def _parse(node: Any, *, place: str, is_option: bool = False) -> Any:
    match node:
        case Number() | Choice():
            return node
        case Mapping():
            builder = _builder_call(node, place=place, is_value=is_option or place == "space")
            if builder is not None:
                return _build(builder, node[builder], place=place)
            for key in node:
                if not isinstance(key, str):
                    raise SpecError(f"{place} must have text keys, got {key!r}; write {str(key)!r}")
            return {key: _parse(item, place=f"{place}[{key!r}]") for key, item in node.items()}
        case list() | tuple():
            return [_parse(item, place=f"{place}[{index}]") for index, item in enumerate(node)]
        case _:
            if type(node).__module__.startswith("hyperopt."):
                raise SpecError(
                    f"{place} must be JSON or built with airflow_sparktune.space, got an expression of "
                    "hyperopt; leave a space of hyperopt's in its module, and name it: space='module:SPACE'"
                )
            return plain(node, what=place)


def _builder_call(node: Mapping[Any, Any], *, place: str, is_value: bool) -> str | None:
    """Return the builder that an object of one key calls; None where it is an ordinary group of parameters.

    An object of one list of numbers, such as {"foo": [1, 2]}, is taken for a builder that does not exist,
    but not where it may well be meant as it is (`is_value`): an option {"layers": [64, 32]}.
    """
    if len(node) != 1:
        return None
    (key, args), *_ = node.items()
    if key in BUILDERS:
        return str(key)
    near = difflib.get_close_matches(str(key), BUILDERS, n=1, cutoff=_NEAR)
    bare = isinstance(args, (list, tuple)) and bool(args) and all(_is_number(arg) for arg in args)
    if isinstance(args, (list, tuple)) and (near or (bare and not is_value)):
        known = f"they are {', '.join(BUILDERS)} (a constant list goes into objective_kwargs)"
        hint = f"did you mean {near[0]!r}?" if near else known
        raise SpecError(f"{place} must name a known builder, got {key!r}; {hint}")
    return None


def _build(kind: str, args: Any, *, place: str) -> Number | Choice:
    if not isinstance(args, (list, tuple)):
        raise SpecError(
            f"{place}: the arguments of {kind} must be a list, got {args!r}; write {{{kind!r}: [...]}}"
        )
    make: Callable[[], Number | Choice]
    if kind == "choice":
        make = partial(Choice, _options(args, place=place))
    elif kind == "pchoice":
        make = partial(Choice, *_pairs(args, place=place))
    else:
        make = partial(Number, kind, tuple(args))
    try:
        return make()
    except SpecError as error:
        raise SpecError(f"{place}: {error}") from None


def _options(options: Any, *, place: str) -> tuple[Any, ...]:
    listed = _listed(options, "choice", "write choice([a, b])")
    return tuple(
        _parse(option, place=f"{place}[{index}]", is_option=True) for index, option in enumerate(listed)
    )


def _pairs(pairs: Any, *, place: str) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    way_out = "write pchoice([(0.7, a), (0.3, b)])"
    listed = _listed(pairs, "pchoice", way_out)
    for pair in listed:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and _is_number(pair[0])):
            raise SpecError(
                f"{place}: pchoice takes pairs of a probability and an option, got {pair!r}; {way_out}"
            )
    options = _options([option for _, option in listed], place=place)
    return options, tuple(float(weight) for weight, _ in listed)


def _listed(options: Any, builder: str, way_out: str) -> list[Any]:
    # Text and mappings can be iterated over too, but nobody means their letters or their keys.
    if not isinstance(options, Iterable) or isinstance(options, (str, bytes, Mapping, Set)):
        raise SpecError(f"{builder} takes a list of options, got {options!r}; {way_out}")
    return list(options)


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def _check_number(kind: str, args: tuple[float, ...]) -> None:
    names = NUMBERS[kind]
    call = f"{kind}({', '.join(map(repr, args))})"
    if len(args) != len(names):
        raise SpecError(f"{kind} takes {', '.join(names)}, got {call}")
    for name, value in zip(names, args, strict=True):
        if not _is_number(value):
            raise SpecError(f"{name} of {kind} must be a finite number, got {call}")
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
