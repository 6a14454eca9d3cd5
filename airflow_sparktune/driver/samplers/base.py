"""The contract of a sampler: suggests the next configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_sparktune.study.trial import Trial


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration: the sampler's raw numbers by label, and the plain values made of them."""

    raw: Mapping[str, Any]
    params: Any


class Exhausted(Exception):
    """A sampler has nothing more to suggest."""


class Sampler(Protocol):
    """Makes configurations from what became of the earlier ones."""

    def ask(self, number: int, *, seed: int) -> Point:
        """The configuration of trial `number`: a function of the trials told so far and the seed.

        Raises Exhausted where there is none.
        """

    def tell(self, trial: Trial) -> None:
        """Take in where a trial stands: running ones too, so that parallel asks spread out."""
