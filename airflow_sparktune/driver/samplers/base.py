"""The protocol of a sampler, which suggests the next configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.trial import Outlook, Trial


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A configuration: `point` has a number for each active label, `params` the plain values derived from it.

    `by` names the algorithm and the method that suggested it, and `outlook` is what its model expects, if
    known.
    """

    point: Mapping[str, Any]
    params: Any
    by: str | None = None
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The trial to use if trials are noisy.

    `loss` is the expected loss of its configuration, and `noise` the standard deviation of a trial's loss.
    """

    number: int
    loss: float
    noise: float


@dataclass(frozen=True, slots=True)
class Left:
    """The rest of a study: the `share` of its time, budget or trials, and the `seconds` to its deadline."""

    share: float = 1.0
    seconds: float = math.inf


class Exhausted(Exception):
    """The sampler has no more suggestions."""


@runtime_checkable
class Sampler(Protocol):
    """Suggests configurations based on the results of earlier ones."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Return the dimensions of the space, in the order of the space."""

    def ask(self, number: int, *, seed: int) -> Suggestion:
        """Return the configuration of trial `number`, which depends only on the seed and the known trials.

        Raises Exhausted if there is no more.
        """

    def tell(self, trial: Trial) -> None:
        """Record the state of a trial.

        Running trials count too, so that parallel suggestions spread out. Trials are told in the order in
        which they end. A resumed study tells each trial of earlier attempts once: first those that ended, in
        this order, then those that run. A pruned trial has no loss, but is no failure.
        """

    def given(self, params: Any) -> Suggestion:
        """Return the suggestion for a user's params; raises SpecError if they do not fit the space."""

    def recommend(self) -> Recommendation | None:
        """Return the trial to use after the search, or None for the one with the lowest loss."""
