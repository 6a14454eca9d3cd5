"""Describe live objects by text that is equal in every run of a script.

repr and pickle are not: they contain memory addresses, or depend on the order of a set.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

log = logging.getLogger(__name__)

_SCALARS = (type(None), type(...), bool, int, float, complex, str)


class Fingerprint:
    """Describes values: containers by their items, functions by their code, objects by their pickled state.

    A value that cannot be described is represented by its type only, which is logged once per type.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}  # holds the objects, so that their ids stay unique
        self._unknown: set[type] = set()

    def of(self, value: Any) -> str:
        """Return the description of a value.

        >>> Fingerprint().of([1, {"b", "a"}])
        "list[1, set['a', 'b']]"
        """
        kind = type(value)
        if kind in _SCALARS:
            return repr(value)
        if isinstance(value, type):
            return f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, ModuleType):
            return value.__name__
        if kind in (bytes, bytearray, memoryview):
            return digest(bytes(value))
        known = self._known.get(id(value))
        if known is None:
            # A placeholder, in case the value contains itself.
            self._known[id(value)] = value, "itself"
            known = self._known[id(value)] = value, self._described(value)
        return known[1]

    def code(self, function: Any) -> Iterator[str]:
        """Yield descriptions of a function's compiled code, its defaults, and the functions that it names."""
        yield from self._instructions(function.__code__)
        yield self.of(function.__defaults__)
        yield self.of(function.__kwdefaults__)
        for helper in _helpers(function):
            yield self.of(helper)

    def _described(self, value: Any) -> str:
        kind = type(value)
        if kind in (list, tuple):
            return _listed(kind, map(self.of, value))
        if kind in (set, frozenset):
            return _listed(kind, sorted(map(self.of, value)))
        if kind is dict:
            return _listed(kind, sorted(f"{self.of(key)}: {self.of(item)}" for key, item in value.items()))
        if isinstance(value, FunctionType):
            return digest("\n".join((value.__module__ or "", value.__qualname__, *self.code(value))).encode())
        try:
            return digest("\n".join(self._parts(value)).encode())
        except Exception:  # noqa: BLE001 - pickling a user's object may raise anything
            if kind not in self._unknown:
                self._unknown.add(kind)
                log.info("the content of a %s is not part of the study's identity", kind.__qualname__)
            return self.of(kind)

    def _parts(self, value: Any) -> Iterator[str]:
        """Yield descriptions of an object's pickled state."""
        yield self.of(type(value))
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):  # a name in its module
            yield reduced
            return
        for part in reduced:
            yield self.of(list(part) if isinstance(part, Iterator) else part)

    def _instructions(self, code: CodeType) -> Iterator[str]:
        yield code.co_code.hex()
        yield repr((code.co_names, code.co_varnames, code.co_freevars))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._instructions(constant)
            else:
                yield self.of(constant)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def settings(function: Any) -> Iterator[dict[str, Any]]:
    """Yield the arguments of a partial and of the partials inside it."""
    while isinstance(function, partial):
        yield {**{str(at): value for at, value in enumerate(function.args)}, **function.keywords}
        function = function.func


def _listed(kind: type, items: Iterable[str]) -> str:
    return f"{kind.__name__}[{', '.join(items)}]"


def _helpers(function: FunctionType) -> list[FunctionType]:
    """Return the functions of the same module that a function names, in the order of their names."""
    around = {name: function.__globals__.get(name) for name in _names(function.__code__)}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # an empty cell
            around[name] = cell.cell_contents
    found = (value for _, value in sorted(around.items()) if isinstance(value, FunctionType))
    return [value for value in found if value.__module__ == function.__module__]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
