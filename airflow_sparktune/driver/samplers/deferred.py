"""Defer the import of a module until one of its attributes is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def deferred(name: str) -> Iterator[None]:
    """Make imports of module `name` in this context load it only when an attribute is looked up.

    importlib's LazyLoader would load the module at its second import, which reads the module's spec.
    """
    if name in sys.modules:
        yield
        return
    placeholder = _Placeholder(name)
    sys.modules[name] = placeholder
    try:
        yield
    finally:
        # Later imports must get the module itself.
        if sys.modules.get(name) is placeholder:
            del sys.modules[name]


class _Placeholder(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)
