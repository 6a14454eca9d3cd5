"""The settings of a confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.field import declared
from airflow_sparktune.study.definition.group import Group

# With fewer pairs, the standard deviation is too uncertain to be useful.
LEAST_REPEATS = 3
MOST_REPEATS, MOST_CANDIDATES = 100, 20


@dataclass(frozen=True, kw_only=True)
class Confirm(Group):
    """Settings of a confirmation, which repeats the best trials and the incumbent with the same new seeds.

    >>> Confirm.parse("confirm", 8)
    Confirm(top=3, repeats=8, confidence=0.95, objective_kwargs={}, timeout_share=0.25)
    """

    short_for: ClassVar[str] = "repeats"

    top: int = declared(
        checks.whole(1, "the more candidates, the more evidence each of them needs", maximum=MOST_CANDIDATES),
        takes="count",
        doc="The number of candidates: the best trials of the search.",
        default=3,
    )
    repeats: int = declared(
        checks.whole(
            LEAST_REPEATS,
            "fewer cannot distinguish a difference from noise, more find differences too small to matter",
            maximum=MOST_REPEATS,
        ),
        takes="count",
        doc="How often each of them and the incumbent run again.",
        default=5,
    )
    confidence: float = declared(
        checks.bounded(
            "lie between 0.5 and 0.9999",
            lambda found: 0.5 <= found <= 0.9999,
            "with less, a worse candidate may win",
        ),
        takes="share",
        doc="One minus the error of the one-sided test, over all candidates.",
        default=0.95,
    )
    objective_kwargs: Mapping[str, Any] = declared(
        checks.arguments,
        takes="object",
        doc="Arguments that override those of the search, e.g. for hold-out data.",
        default=dict,
    )
    timeout_share: float = declared(
        checks.bounded(
            "lie between 0 and 1",
            lambda found: 0 < found < 1,
            "it is the part of the timeout for the repeats",
        ),
        takes="share",
        doc="The share of the timeout that is reserved for the repeats.",
        default=0.25,
    )
