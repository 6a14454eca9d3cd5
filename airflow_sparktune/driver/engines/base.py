"""The protocol of a backend, which runs trials in slots."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial has ended, and its slot is free."""

    number: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Lost:
    """A trial has ended without a result, and its slot is free: its worker was lost, or it was cancelled."""

    number: int
    reason: str


BackendEvent = Ended | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits the wait for the first slot.

    `timeout` is the study's, in seconds, and `left_s` the part that remains. `has_result` tells whether the
    study already has a successful trial; `wanted` is the number of trials still to run. `look` is called
    about once a second during the wait; an exception that it raises ends the wait.
    """

    timeout: float | None = None
    left_s: float = math.inf
    has_result: bool = False
    wanted: float = math.inf
    look: Callable[[], None] = lambda: None


class Backend(Protocol):
    """Runs trials in slots.

    Other studies of the same application may use the same slots.
    """

    @property
    def capacity(self) -> int:
        """Return the number of trials that can run at once now."""

    def describe(self) -> Mapping[str, str | None]:
        """Return facts for the journal: `application`, `master`, `ui` and `history`, as far as they exist."""

    def prepare(self, patience: Patience) -> None:
        """Set up what all trials share, and check that trials can run.

        Raises ObjectiveError or PlatformError if they cannot.
        """

    def submit(self, call: Call) -> None:
        """Start a trial in a free slot."""

    def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
        """Return new events; wait up to `wait_s` seconds (None: without limit) for the first.

        May return an empty list early, when the capacity may have changed. Raises the error given to
        `interrupt`, and an error if the engine behind the slots is gone.
        """

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial has been running, in seconds, or None while it waits for a slot."""

    def cancel(self, number: int) -> None:
        """End one trial; a `Lost` event then reports that its slot is free."""

    def interrupt(self, error: BaseException) -> None:
        """Start no more trials, and make `events` raise `error`. Safe in a signal handler."""

    def close(self) -> None:
        """Start no more trials, and release what trials share."""
