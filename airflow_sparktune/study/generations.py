"""The earlier generations of a study: those that a clear of the task has replaced."""

from __future__ import annotations

import re

from airflow_sparktune.study.storage import open_storage

# At most four digits, so that a date in a user's folder name (g20261124) is not taken for a generation.
_GENERATION = re.compile(r"g(0|[1-9][0-9]{0,3})")


def is_generation(name: str) -> bool:
    """Return whether a folder has the name of a generation.

    >>> is_generation("g0"), is_generation("g20261124")
    (True, False)
    """
    return _GENERATION.fullmatch(name) is not None


def earlier_generations(address: str) -> list[str]:
    """Return the addresses of the earlier generations that exist, newest first.

    The list is empty for the first generation, and for a study whose folder is not named as a generation.
    """
    folder, _, name = address.rstrip("/").rpartition("/")
    own = _GENERATION.fullmatch(name)
    if own is None or not folder or int(own[1]) == 0:
        return []
    found = filter(None, map(_GENERATION.fullmatch, open_storage(folder).names("")))
    earlier = sorted((int(match[1]) for match in found if int(match[1]) < int(own[1])), reverse=True)
    return [f"{folder}/g{number}" for number in earlier]
