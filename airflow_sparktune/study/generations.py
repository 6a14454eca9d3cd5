"""The studies that were cleared to make way for the one at an address."""

from __future__ import annotations

import re

from airflow_sparktune.study.storage import open_storage

# Nobody clears a task ten thousand times; `g20261124` is a name that somebody gave.
_GENERATION = re.compile(r"g(0|[1-9][0-9]{0,3})")


def is_generation(name: str) -> bool:
    """Tell whether a folder's name is that of a generation.

    >>> is_generation("g0"), is_generation("g20261124")
    (True, False)
    """
    return _GENERATION.fullmatch(name) is not None


def earlier_generations(address: str) -> list[str]:
    """Return the addresses of the generations before this one that are there, the newest first.

    Empty for the first one, and for a study whose folder is not named as a generation.
    """
    folder, _, name = address.rstrip("/").rpartition("/")
    own = _GENERATION.fullmatch(name)
    if own is None or not folder or int(own[1]) == 0:
        return []
    found = filter(None, map(_GENERATION.fullmatch, open_storage(folder).names("")))
    earlier = sorted((int(match[1]) for match in found if int(match[1]) < int(own[1])), reverse=True)
    return [f"{folder}/g{number}" for number in earlier]
