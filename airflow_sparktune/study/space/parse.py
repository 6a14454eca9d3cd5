"""Read a space from builders, from JSON, or from a mixture of both."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.journal.bounds import parts_of, require_small
from airflow_sparktune.study.json_values import plain, shown
from airflow_sparktune.study.space.nodes import NUMBERS, Choice, Number, is_number, walk

CHOICES = ("choice", "pchoice")
BUILDERS = (*NUMBERS, *CHOICES)

# The least similarity (difflib's ratio) of a misspelled builder: "unifrom" reaches it, "norms" does not.
_NEAR = 0.8


def parse(space: Any) -> Any:
    """Return a checked space from builders, JSON or a mixture of both, ready for `to_json` and `walk`.

    Raises SpecError for an unknown builder, invalid bounds, duplicate labels or a space without dimensions.
    """
    try:
        require_small(space, _parts)
    except ValueError as error:
        raise SpecError(f"space is too large: {error}") from None
    tree = _parse(space, place="space")
    labels = Counter(label for label, *_ in walk(tree))
    if not labels:
        raise SpecError(
            f"space must have at least one parameter to tune, got {shown(plain(space, what='space'))}; "
            'write for example {"lr": loguniform(1e-4, 1.0)}'
        )
    for label, times in labels.items():
        if times > 1:
            raise SpecError(
                f"each parameter of a space needs a label of its own, got {label!r} twice; rename a key"
            )
    return tree


def _parts(node: Any) -> Iterable[Any]:
    return node.options if isinstance(node, Choice) else parts_of(node)


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
                    f"{place} must be JSON or built with airflow_sparktune.space, got a hyperopt "
                    "expression; keep a hyperopt space in its module, and name it: space='module:SPACE'"
                )
            return plain(node, what=place)


def _builder_call(node: Mapping[Any, Any], *, place: str, is_value: bool) -> str | None:
    """Return the builder that an object with one key calls, or None if it is a group of parameters.

    An object such as {"foo": [1, 2]}, with only numbers in its list, is reported as an unknown builder. If
    `is_value`, it may be meant literally, as the option {"layers": [64, 32]}, and is accepted.
    """
    if len(node) != 1:
        return None
    (key, args), *_ = node.items()
    if key in BUILDERS:
        return str(key)
    near = difflib.get_close_matches(str(key), BUILDERS, n=1, cutoff=_NEAR)
    bare = isinstance(args, (list, tuple)) and bool(args) and all(is_number(arg) for arg in args)
    if isinstance(args, (list, tuple)) and (near or (bare and not is_value)):
        known = f"they are {', '.join(BUILDERS)} (a constant list goes into objective_kwargs)"
        hint = f"did you mean {near[0]!r}?" if near else known
        raise SpecError(f"{place} must name a known builder, got {key!r}; {hint}")
    return None


def _build(kind: str, args: Any, *, place: str) -> Number | Choice:
    if not isinstance(args, (list, tuple)):
        raise SpecError(
            f"{place}: the arguments of {kind} must be a list, got {shown(args)}; write {{{kind!r}: [...]}}"
        )
    make: Callable[[], Number | Choice]
    if kind == "choice":
        make = partial(Choice, options_of(args, place=place))
    elif kind == "pchoice":
        make = partial(Choice, *pairs_of(args, place=place))
    else:
        make = partial(Number, kind, tuple(args))
    try:
        return make()
    except SpecError as error:
        raise SpecError(f"{place}: {error}") from None


def options_of(options: Any, *, place: str) -> tuple[Any, ...]:
    """Return the parsed options of a choice."""
    listed = _listed(options, "choice", "write choice([a, b])")
    return tuple(
        _parse(option, place=f"{place}[{index}]", is_option=True) for index, option in enumerate(listed)
    )


def pairs_of(pairs: Any, *, place: str) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """Return the parsed options of a pchoice, and their probabilities."""
    way_out = "write pchoice([(0.7, a), (0.3, b)])"
    listed = _listed(pairs, "pchoice", way_out)
    for pair in listed:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and is_number(pair[0])):
            raise SpecError(
                f"{place}: pchoice takes pairs of a probability and an option, got {shown(pair)}; {way_out}"
            )
    options = options_of([option for _, option in listed], place=place)
    return options, tuple(float(weight) for weight, _ in listed)


def _listed(options: Any, builder: str, way_out: str) -> list[Any]:
    # Text and mappings are iterable too, but iterating over letters or keys would hide a mistake.
    if not isinstance(options, Iterable) or isinstance(options, (str, bytes, Mapping, Set)):
        raise SpecError(f"{builder} takes a list of options, got {shown(options)}; {way_out}")
    return list(options)
