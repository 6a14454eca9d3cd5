"""A module that costs nothing until something in it is looked up, however it is imported."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def defer(name: str) -> None:
    """Let importing the module `name` wait until it is used; nothing where it is loaded, or not there.

    importlib's own LazyLoader loads it at the next import, which asks what is in sys.modules for its spec.
    """
    if name not in sys.modules and (spec := find_spec(name)) is not None:
        deferred = _Deferred(name)
        deferred.__spec__ = spec
        sys.modules[name] = deferred


class _Deferred(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        # For a package __path__ too, so that its submodules find it loaded.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)
