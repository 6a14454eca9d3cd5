"""The protocols of an engine, which is the running application, and of a lane, which is a study's share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_sparktune.driver.engines.once import Once
from airflow_sparktune.executor.evaluate import Call, StudyObjective
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Receive
from airflow_sparktune.executor.shared import Shared


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


LaneEvent = Ended | Lost


@dataclass(frozen=True, slots=True)
class Charge:
    """The charge for slots: `slot_s` slot-seconds by now, growing by `slots` in each second."""

    slot_s: float = 0.0
    slots: int = 0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The work of a study, for which an engine opens a lane.

    `objective` creates what all trials share. `parallelism` is the number of trials that may run at once,
    None for as many as there are slots. `study` names the study beside its trials, in the output of executors
    and in Spark's UI; it is empty for a study that has the engine to itself. Lanes with the same `check`
    check and warm up the workers once. `common` loads the value that all studies of the engine share, for
    which each objective has a `Lent`.
    """

    objective: Callable[[], StudyObjective]
    parallelism: int | None = None
    study: str = ""
    check: Once = field(default_factory=Once)
    common: Callable[[], Shared[Any] | None] | None = None


class Lane(Protocol):
    """Runs the trials of one study, in its share of an engine's slots."""

    @property
    def capacity(self) -> int:
        """Return the number of trials to run at once now, if no other study needs the slots.

        Those beyond the slots wait inside the engine.
        """

    @property
    def slots(self) -> int:
        """Return the number of trials that can run at once now, because their slots exist."""

    def room(self, wanted: float) -> int:
        """Return the number of trials to start now, at most as many as make `wanted` with the running ones.

        The others may start when `events` has returned again.
        """

    def charge(self) -> Charge:
        """Return what the study is charged for slots; must not fail, even if the engine is gone.

        An application that is the study's own costs all its slots, from the first on; studies that share one
        pay in proportion to the slots in which their trials run. One that the study only uses costs the slots
        in which trials run.
        """

    def prepare(self, patience: Patience) -> None:
        """Set up what all trials share, and check that trials can run.

        Raises ObjectiveError or PlatformError if they cannot.
        """

    def listen(self, receive: Receive) -> None:
        """Let `receive` answer what trials report from now on, in the thread in which a report arrives."""

    def submit(self, call: Call) -> None:
        """Start a trial in a free slot."""

    def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
        """Return new events; wait up to `wait_s` seconds (None: without limit) for the first.

        May return an empty list early, when the capacity may have changed. Raises the error given to the
        engine's `interrupt`, and an error if the engine is gone.
        """

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial has been running, in seconds, or None while it waits for a slot."""

    def cancel(self, number: int) -> None:
        """End one trial; a `Lost` event then reports that its slot is free."""

    def close(self) -> None:
        """Start no more trials, cancel the running ones, and release what trials share and the slots."""


class Engine(Protocol):
    """The running application, whose slots its lanes share."""

    def start(self) -> None:
        """Start the application. Does nothing if it is running; must come before all but `close`."""

    @property
    def slots(self) -> int:
        """Return the number of trials of all lanes that can run at once now."""

    def describe(self) -> Mapping[str, str | None]:
        """Return facts for the journal: `application`, `master`, `ui` and `history`, as far as they exist."""

    def lane(self, work: Work) -> Lane:
        """Open a lane for a study. Safe in any thread."""

    def interrupt(self, error: BaseException) -> None:
        """Start no more trials, and make `events` of each lane raise `error`. Safe in a signal handler."""

    def close(self) -> None:
        """Close the lanes that are open."""
