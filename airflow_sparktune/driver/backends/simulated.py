"""Slots on a virtual clock: a study of hours takes milliseconds, for tests and benchmarks."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from airflow_sparktune.driver.backends.base import BackendEvent, Ended, Lost, Patience
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply


class VirtualClock:
    """Seconds that pass only when somebody says so; call it to read it.

    >>> clock = VirtualClock(at=100.0)
    >>> clock.pass_to(102.5)
    >>> clock()
    102.5
    """

    def __init__(self, *, at: float = 1_000.0) -> None:
        self._at = at

    def __call__(self) -> float:
        return self._at

    def pass_to(self, at: float) -> None:
        """Let time pass up to `at`; it never goes back."""
        self._at = max(self._at, at)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a trial, some time after its start: with a reply, or with its worker lost.

    `queued_s` is how long it waits for room before that start.
    """

    after_s: float
    reply: Reply | None = None
    lost: str | None = None
    queued_s: float = 0.0

    def event(self, number: int) -> BackendEvent:
        """Return the event by which trial `number` ends."""
        return Lost(number, self.lost or "") if self.reply is None else Ended(number, self.reply)

    @classmethod
    def ok(cls, loss: float, *, after_s: float = 1.0) -> Ending:
        """Return the ending of a trial that succeeds."""
        return cls(after_s, reply=Reply(after_s, loss=loss))


class SimulatedBackend:
    """Slots whose trials end as `play` says, on a clock that moves only inside `finished`.

    `capacity` is a number, or what it is at a given moment. A cancelled trial lets go of its slot
    `cancel_s` after. An exception in `play` is the engine's end: it comes out of `finished`.
    """

    def __init__(
        self,
        clock: VirtualClock,
        play: Callable[[Call], Ending],
        *,
        capacity: int | Callable[[float], int],
        cancel_s: float = 0.0,
        look_s: float = 1.0,
    ) -> None:
        self.calls: list[Call] = []
        self._clock = clock
        self._play = play
        self._capacity = capacity
        self._cancel_s = cancel_s
        self._look_s = look_s
        self._events: list[tuple[float, int, BackendEvent]] = []
        self._running: dict[int, int] = {}  # number -> which of its calls
        self._begins: dict[int, float] = {}
        self._failure: BaseException | None = None

    def describe(self) -> Mapping[str, str | None]:
        return {}

    def prepare(self, patience: Patience) -> None:
        """Nothing to do."""

    @property
    def capacity(self) -> int:
        return self._capacity(self._clock()) if callable(self._capacity) else self._capacity

    def submit(self, call: Call) -> None:
        """Start a trial; raises ValueError where a real slot would run two at once."""
        number = call.trial.number
        if number in self._running:
            raise ValueError(f"a trial must run once at a time, got {number} while it is running")
        self.calls.append(call)
        try:
            ending = self._play(call)
        except Exception as error:  # noqa: BLE001 - any error stands for the engine's end
            self._failure = error
            return
        self._running[number] = len(self.calls)
        self._begins[number] = self._clock() + ending.queued_s
        self._at(ending.queued_s + ending.after_s, ending.event(number))

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial has been running; None while it is queued."""
        ran = self._clock() - self._begins[number]
        return ran if ran >= 0 else None

    def events(self, *, wait_s: float | None) -> Sequence[BackendEvent]:
        """Let time pass until a trial has ended; at most `wait_s`, at most until the next look."""
        if self._failure is not None:
            raise self._failure
        if wait_s is None and not self._events and self.capacity > 0:
            raise RuntimeError("nothing runs and nothing will, and yet the tuner waits")
        patience = self._clock() + (self._look_s if wait_s is None else min(wait_s, self._look_s))
        found: list[BackendEvent] = []
        while not found and self._events and self._events[0][0] <= patience:
            self._clock.pass_to(self._events[0][0])
            while self._events and self._events[0][0] <= self._clock():
                _, which, item = heapq.heappop(self._events)
                # What a cancelled trial would have ended with is dropped: its cancellation has come first.
                if self._running.get(item.number) == which:
                    del self._running[item.number]
                    found.append(item)
        if not found:
            self._clock.pass_to(patience)
        return found

    def cancel(self, number: int) -> None:
        """End a trial alone."""
        self._running[number] = -number - 1
        self._at(self._cancel_s, Lost(number, "cancelled"))

    def interrupt(self, error: BaseException) -> None:
        """Let `events` raise `error`."""
        self._failure = error

    def close(self) -> None:
        """Nothing to do."""

    def _at(self, after_s: float, item: BackendEvent) -> None:
        heapq.heappush(self._events, (self._clock() + after_s, self._running[item.number], item))
