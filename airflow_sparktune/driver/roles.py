"""The two roles that the tuner leaves to others: who makes the points, and where the trials run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_sparktune.executor.evaluate import Call, Reply
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


@dataclass(frozen=True, slots=True)
class Finished:
    """A slot is free again: with the trial's reply, or with why its worker was lost."""

    number: int
    reply: Reply | None = None
    lost: str | None = None


class Slots(Protocol):
    """Where trials run. Raises when the engine behind it is gone, from `finished` at the latest."""

    @property
    def capacity(self) -> int:
        """How many trials can run at once, now."""

    def submit(self, call: Call) -> None:
        """Start a trial in a free slot."""

    def finished(self, *, wait_s: float | None) -> Sequence[Finished]:
        """What has finished; waits up to `wait_s` seconds (None: as long as it takes) for the first.

        May return nothing early, when the capacity may have changed.
        """

    def ran_s(self, number: int) -> float | None:
        """How long a trial has been running, in seconds; None where it waits inside the engine for room."""

    def cancel(self, number: int) -> None:
        """End a trial alone; its slot still reports through `finished`."""
