"""Frozen dataclasses with a JSON form. A field is declared once; checking, reading and writing follow.

Values are checked as they are read, because others may write to a study folder.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Self

from airflow_sparktune.printable import one_line
from airflow_sparktune.study.journal import shape


class JsonObject:
    """Base class. A subclass declares each of its fields by `stored`, and names itself for messages."""

    __slots__ = ()
    WHAT: ClassVar[str]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the object that `to_json` wrote; unknown keys of later versions are ignored.

        Raises ValueError for the first value that does not fit.
        """
        if not shape.group(data):
            raise ValueError(f"{cls.WHAT} cannot be {reprlib.repr(data)}")
        values: dict[str, Any] = {}
        for name, key, item in _items(cls):
            value = data.get(key, MISSING)
            if (value is None and item.nullable) or (value is MISSING and item.optional):
                continue
            if value is not MISSING and item.fits(value):
                values[name] = value if item.read is None else item.read(value)
            elif not item.lenient:
                found = None if value is MISSING else value
                raise ValueError(f"{key} of {cls.WHAT} cannot be {reprlib.repr(found)}")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the object as plain JSON values."""
        found = {}
        for name, key, item in _items(type(self)):
            value = getattr(self, name)
            if value is not None or not item.omitted:
                found[key] = value if item.write is None or value is None else item.write(value)
        return found


class _Item(NamedTuple):
    """The storage of a field: its check, and its conversion from JSON and back, None for plain values."""

    key: str
    fits: shape.Fits
    read: Callable[[Any], Any] | None
    write: Callable[[Any], Any] | None
    optional: bool
    nullable: bool
    lenient: bool
    omitted: bool


Items = Sequence[tuple[str, str, _Item]]


def stored(
    kind: Any,
    *,
    default: Any = MISSING,
    key: str = "",
    required: bool = False,
    many: bool = False,
    lenient: bool = False,
    omitted: bool = False,
    read: Callable[[Any], Any] | None = None,
) -> Any:
    """Return a dataclass field with its JSON form.

    `kind` is a check of a plain value (see `shape`), a StrEnum, or a class with `from_json` and `to_json`.
    With `many` the value is a tuple of that kind. `default` is the value if the key is missing, unless it is
    `required` nevertheless; a callable is used as a factory. A default of None allows null as well. With
    `lenient`, a value that does not fit counts as missing; with `omitted`, None is not written. `key` is the
    key in the JSON object if it is not the field's name. `read` replaces the kind's conversion from JSON.
    """
    fits, convert, write = _forms(kind)
    convert = read or convert
    if many:
        fits, convert, write = shape.several(fits), _each(convert, tuple), _each(write, list)
    optional = default is not MISSING and not required
    item = _Item(key, fits, convert, write, optional, default is None, lenient, omitted)
    metadata = {_KEY: item}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _forms(kind: Any) -> tuple[shape.Fits, Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    """Return the check of a kind, and its conversions."""
    if not isinstance(kind, type):
        return kind, one_line if kind is shape.words else None, None
    if issubclass(kind, StrEnum):
        members = {each.value: each for each in kind}
        return lambda value: isinstance(value, str) and value in members, members.get, attrgetter("value")
    form: Any = kind
    return shape.anything, form.from_json, form.to_json


def _each(convert: Callable[[Any], Any] | None, collect: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a function that converts each of several values."""
    return collect if convert is None else lambda values: collect(map(convert, values))


def _items(kind: type[Any]) -> Items:
    """Return the fields of a class: name, key, and how it is stored."""
    if kind not in _known:
        found = ((each.name, each.metadata[_KEY]) for each in fields(kind))
        _known[kind] = tuple((name, item.key or name, item) for name, item in found)
    return _known[kind]


_known: dict[type[Any], Items] = {}


_KEY = "json"
