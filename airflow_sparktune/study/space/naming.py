"""Names for people: an option of a choice by what tells it apart, a parameter by a path of such names.

The label of a dimension (`model[0].depth`) is exact and stays in the journal; people read `forest.depth`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study.space.nodes import Choice, Number

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Name:
    """How people call a dimension: its path, and its options by index where it is a choice."""

    path: str
    options: tuple[str, ...] | None = None


def names(tree: Any) -> dict[str, Name]:
    """Return the name of each dimension of a space by its label; `tree` is what `space.parse` returns.

    Two dimensions never share a path: where the short one is ambiguous, the label is the path.

    >>> from airflow_sparktune.study.space import choice, parse, uniform, uniformint
    >>> options = [{"kind": "forest", "depth": uniformint(1, 9)}, {"kind": "linear", "C": uniform(0, 1)}]
    >>> found = names(parse({"model": choice(options)}))
    >>> found["model"].options, found["model[0].depth"].path
    (('forest', 'linear'), 'forest.depth')
    """
    found = dict(_walk(tree, label="", prefix="", key=""))
    paths = Counter(name.path for name in found.values())
    return {
        label: name if paths[name.path] == 1 else Name(label, name.options) for label, name in found.items()
    }


def option_names(options: Sequence[Any]) -> tuple[str, ...]:
    """Return what the options of a choice are called, each differently.

    A plain value is its own name. An object is called by the constant that tells it from the others, else
    by its only key, else by its keys.

    >>> option_names(["gbtree", {"linear": {"l2": 0.5}}, None])
    ('gbtree', 'linear', 'None')
    """
    telling = _telling_key(options)
    raw = [_name(option, telling) for option in options]
    counted = Counter(raw)
    return tuple(name if counted[name] == 1 else f"{name} ({index})" for index, name in enumerate(raw))


def _walk(tree: Any, *, label: str, prefix: str, key: str) -> Iterator[tuple[str, Name]]:
    """`label` follows `space.walk`; `prefix` and `key` are the readable path so far and its last part."""
    path = f"{prefix}.{key}" if prefix and key else prefix or key
    match tree:
        case Number():
            yield label or "value", Name(path or "value")
        case Choice():
            label = label or "value"
            called = option_names(tree.options)
            yield label, Name(path or "value", called)
            for index, (option, name) in enumerate(zip(tree.options, called, strict=True)):
                below = f"{prefix}.{name}" if prefix else name
                # {"linear": {...}}: the only key is the option's name already.
                if isinstance(option, Mapping) and len(option) == 1 and name in option:
                    inner = f"{label}[{index}].{name}"
                    yield from _walk(option[name], label=inner, prefix=below, key="")
                else:
                    yield from _walk(option, label=f"{label}[{index}]", prefix=below, key="")
        case Mapping():
            for name, item in tree.items():
                inner = f"{label}.{name}" if label else name
                yield from _walk(item, label=inner, prefix=path, key=name)
        case list() | tuple():
            for index, item in enumerate(tree):
                yield from _walk(item, label=f"{label}[{index}]", prefix=prefix, key=f"{key}[{index}]")


def _telling_key(options: Sequence[Any]) -> str | None:
    """Return the first key under which every object among the options holds another plain constant."""
    objects = [option for option in options if isinstance(option, Mapping)]
    for key in objects[0] if len(objects) > 1 else ():
        values = [option.get(key) for option in objects]
        plain = all(isinstance(value, (str, int, float, bool)) for value in values)
        if plain and len({str(value) for value in values}) == len(values):
            return str(key)
    return None


def _name(option: Any, telling: str | None) -> str:
    match option:
        case str():
            name = option
        case Mapping() if telling is not None:
            name = str(option[telling])
        case Mapping() if len(option) == 1:
            name = str(next(iter(option)))
        case Mapping() if option:
            name = ", ".join(map(str, option))
        case Number() | Choice():
            name = next(iter(option.to_json()))
        case list() | tuple() if any(isinstance(item, (Number, Choice, Mapping, list)) for item in option):
            name = f"list of {len(option)}"
        case _:
            name = str(option)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
