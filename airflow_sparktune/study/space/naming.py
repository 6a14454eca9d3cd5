"""Readable names of dimensions and of the options of a choice.

The label of a dimension (`model[0].depth`) is exact and is stored in the journal; pages show `forest.depth`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.space.nodes import Choice, Number

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Name:
    """The readable name of a dimension: its path, and the names of its options if it is a choice."""

    path: str
    options: tuple[str, ...] | None = None


def names(tree: Any) -> dict[str, Name]:
    """Return the name of each dimension by its label; `tree` is a result of `space.parse`.

    Paths are unique: where two short ones are equal, the label is used as the path.
    """
    found = dict(_walk(tree, label="", prefix="", key=""))
    paths = Counter(name.path for name in found.values())
    return {
        label: name if paths[name.path] == 1 else Name(label, name.options) for label, name in found.items()
    }


def option_names(options: Sequence[Any]) -> tuple[str, ...]:
    """Return a distinct name for each option of a choice.

    A plain value is its own name. A dict is named by the constant that distinguishes it from the others, else
    by its only key, else by its keys.

    >>> option_names(["gbtree", {"linear": {"l2": 0.5}}, None])
    ('gbtree', 'linear', 'None')
    """
    distinguishing = _distinguishing_key(options)
    raw = [_name(option, distinguishing) for option in options]
    counted = Counter(raw)
    return tuple(name if counted[name] == 1 else f"{name} ({index})" for index, name in enumerate(raw))


def _walk(tree: Any, *, label: str, prefix: str, key: str) -> Iterator[tuple[str, Name]]:
    """Yield names by label. `label` follows `space.walk`; `prefix` and `key` make up the readable path."""
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
                # {"linear": {...}}: the only key already is the option's name.
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


def _distinguishing_key(options: Sequence[Any]) -> str | None:
    """Return the first key under which each dict among the options holds a different plain constant."""
    objects = [option for option in options if isinstance(option, Mapping)]
    for key in objects[0] if len(objects) > 1 else ():
        values = [option.get(key) for option in objects]
        plain = all(isinstance(value, (str, int, float, bool)) for value in values)
        if plain and len({str(value) for value in values}) == len(values):
            return str(key)
    return None


def _name(option: Any, distinguishing: str | None) -> str:
    match option:
        case str():
            name = option
        case float():
            name = number(option)
        case Mapping() if distinguishing is not None:
            name = str(option[distinguishing])
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
