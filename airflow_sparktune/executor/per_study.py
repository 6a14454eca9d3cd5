"""Keep what a worker has loaded for a study, while trials of several studies take turns in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class PerStudy(Generic[K, V]):
    """Keeps one value a study, for as many studies as share the application.

    The values may be large, so those of ended studies are dropped.

    >>> kept = PerStudy()
    >>> for name in ("north", "south", "north"):
    ...     kept.get(name, lambda: print("load", name), studies=2)
    load north
    load south
    """

    def __init__(self) -> None:
        self._kept: dict[K, V] = {}  # the last used one is the last

    def get(self, key: K, make: Callable[[], V], *, studies: int | None) -> V:
        """Return the value of a study, made if it is not kept.

        `studies` is the number of studies that share the application; None drops nothing.
        """
        if key in self._kept:
            value = self._kept.pop(key)
            self._drop(studies)
        else:
            self._drop(studies)
            value = make()
        self._kept[key] = value
        return value

    def _drop(self, studies: int | None) -> None:
        """Drop the values used longest ago, to have room for one."""
        while studies is not None and self._kept and len(self._kept) >= studies:
            del self._kept[next(iter(self._kept))]
