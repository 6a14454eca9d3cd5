"""The contract of a sampler: it suggests the next configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.trial import Trial


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A configuration: one number for each active label, and the plain values made of them.

    `by` names the algorithm that found it, and how, as far as that is known.
    """

    point: Mapping[str, Any]
    params: Any
    by: str | None = None


class Exhausted(Exception):
    """A sampler has nothing more to suggest."""


class Sampler(Protocol):
    """Suggests configurations from the results of earlier ones."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The table of the space's dimensions, in the order of the space."""

    def ask(self, number: int, *, seed: int) -> Suggestion:
        """Return the configuration of trial `number`: a function of the seed and the trials seen so far.

        Raises Exhausted where there is none.
        """

    def tell(self, trial: Trial) -> None:
        """Take in where a trial stands: running ones too, so that parallel suggestions spread out."""

    def given(self, params: Any) -> Suggestion:
        """Return params that a person gives as a suggestion; raises SpecError where they do not fit."""
