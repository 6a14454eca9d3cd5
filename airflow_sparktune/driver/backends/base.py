"""The contract of a backend: runs trials in slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_sparktune.executor.evaluate import Call, Reply


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
