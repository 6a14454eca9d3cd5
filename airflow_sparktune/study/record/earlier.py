"""The earlier study that gives the starting points of a `warm_start` by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study


def address_in(warm_start: Any) -> str | None:
    """Return the address that a `warm_start` consists of, or None.

    >>> address_in("s3://lake/churn/g0"), address_in("previous")
    ('s3://lake/churn/g0', None)
    """
    return warm_start if isinstance(warm_start, str) and "/" in warm_start else None


def earlier_study(address: str) -> Study:
    """Return the study at the address of a `warm_start`; raises SpecError if no journal can be read there."""
    rule = "warm_start must be the address of a study"
    if "://" not in address and not Path(address).is_absolute():
        raise SpecError(f"{rule}, a URL or an absolute path, got {address!r}")
    follower = read_study(address)
    if not follower.study.attempts:
        why = f": {follower.problems[0]}" if follower.problems else ""
        raise SpecError(f"{rule}, found no journal that can be read at {address}{why}")
    return follower.study
