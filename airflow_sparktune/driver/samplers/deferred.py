"""A module that costs nothing where it is only imported, and not used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def deferred(name: str) -> Iterator[None]:
    """Let the imports of module `name` in here load it only when something in it is looked up.

    importlib's own LazyLoader would load it at the second import, which asks for the module's spec.
    """
    if name in sys.modules:
        yield
        return
    placeholder = _Placeholder(name)
    sys.modules[name] = placeholder
    try:
        yield
    finally:
        # Whoever imports it from now on shall find nothing but the module.
        if sys.modules.get(name) is placeholder:
            del sys.modules[name]


class _Placeholder(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)
