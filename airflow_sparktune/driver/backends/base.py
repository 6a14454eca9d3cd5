"""The contract of a backend: it runs trials in slots."""

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
    """A trial has no result, and its slot is free: its worker went away, or it was cancelled."""

    number: int
    reason: str


BackendEvent = Ended | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits the wait for the first slot, and says what to do meanwhile.

    `timeout` is the study's, in seconds, `left_s` what is left of it. `has_result` tells whether the study
    has a successful trial already, `wanted` how many trials are left to run. `look` is called about once a
    second; what it raises ends the wait.
    """

    timeout: float | None = None
    left_s: float = math.inf
    has_result: bool = False
    wanted: float = math.inf
    look: Callable[[], None] = lambda: None


class Backend(Protocol):
    """Runs trials in slots.

    One study does not own it: another study of the same application may use the same slots.
    """

    @property
    def capacity(self) -> int:
        """The number of trials that can run at once, now."""

    def describe(self) -> Mapping[str, str | None]:
        """Facts for the journal: `application`, `master`, `ui` and `history`, where there are such."""

    def prepare(self, patience: Patience) -> None:
        """Put in place what all trials share, and check that trials can run.

        Raises ObjectiveError or PlatformError where they cannot.
        """

    def submit(self, call: Call) -> None:
        """Start a trial in a free slot."""

    def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
        """Return what has happened; wait up to `wait_s` seconds (None: without limit) for the first event.

        May return nothing early, when the capacity may have changed. Raises when the engine behind the
        slots is gone, and the error given to `interrupt`.
        """

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial has been running, in seconds; None while it waits for a slot."""

    def cancel(self, number: int) -> None:
        """End one trial; its slot still reports `Lost` through `events`."""

    def interrupt(self, error: BaseException) -> None:
        """Start nothing more, and let `events` raise `error`; safe in a signal handler."""

    def close(self) -> None:
        """Start nothing more, and let go of what trials share."""
