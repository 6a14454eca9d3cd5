"""Read from a storage at many places, several at a time: each may be some requests away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def at_once(work: Callable[[T], R], items: Sequence[T], *, most: int = 16) -> list[R]:
    """Return the results of `work` for the items, in order; runs in at most `most` threads.

    >>> at_once(len, ["a", "bcd"])
    [1, 3]
    """
    with ThreadPoolExecutor(min(most, max(len(items), 1)), thread_name_prefix="reader") as pool:
        return list(pool.map(work, items))
