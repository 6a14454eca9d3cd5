"""Simulate slots on a virtual clock, for tests and benchmarks: a study of hours takes milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from airflow_sparktune.driver.engines.base import Charge, Ended, LaneEvent, Lost, Patience, Work
from airflow_sparktune.driver.engines.share import Share
from airflow_sparktune.driver.engines.shares import SharingEngine
from airflow_sparktune.driver.engines.slot_time import SlotTime
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.executor.reports.report import Answer, Receive, Report
from airflow_sparktune.study.trial import TrialState


class VirtualClock:
    """A clock that advances only on request; call it to read it, in seconds.

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
        """Advance to `at`; the clock never goes back."""
        self._at = max(self._at, at)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a trial, `after_s` seconds after its start: with a reply, or with a lost worker.

    The trial waits `queued_s` seconds for a slot before it starts. It reports the losses of `curve` in equal
    distances, with steps from 1.
    """

    after_s: float
    reply: Reply | None = None
    lost: str | None = None
    queued_s: float = 0.0
    curve: Sequence[float] = ()

    def event(self, number: int) -> LaneEvent:
        """Return the event for the end of trial `number`."""
        return Lost(number, self.lost or "") if self.reply is None else Ended(number, self.reply)

    @classmethod
    def ok(cls, loss: float, *, after_s: float = 1.0) -> Ending:
        """Return the ending of a successful trial."""
        return cls(after_s, reply=Reply(after_s, loss=loss))


class SimulatedEngine(SharingEngine):
    """Opens lanes that run on one virtual clock; its arguments are those of SimulatedLane."""

    def __init__(
        self,
        clock: VirtualClock,
        play: Callable[[Call], Ending],
        *,
        capacity: int | Callable[[float], int],
        look_s: float = 1.0,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._play = play
        self._capacity = capacity
        self._look_s = look_s

    def start(self) -> None:
        """Do nothing."""

    @property
    def slots(self) -> int:
        return self._capacity(self._clock()) if callable(self._capacity) else self._capacity

    def describe(self) -> Mapping[str, str | None]:
        return {}

    def lane(self, work: Work) -> SimulatedLane:
        def capacity(_: float) -> int:
            return self.capacity_of(lane, self.slots)

        lane = SimulatedLane(
            self._clock, self._play, capacity=capacity, look_s=self._look_s, on_close=self.release
        )
        lane.share = Share(most=work.parallelism, clock=self._clock)
        return self.admit(lane)


class SimulatedLane:
    """Runs trials whose ends `play` decides, on a clock that advances only inside `events`.

    `capacity` is a number, or a function of the time; `slots` slots exist, by default as many. A cancelled
    trial frees its slot after `cancel_s` seconds. An exception in `play` simulates the loss of the engine:
    `events` raises it.
    """

    def __init__(
        self,
        clock: VirtualClock,
        play: Callable[[Call], Ending],
        *,
        capacity: int | Callable[[float], int],
        slots: int | None = None,
        cancel_s: float = 0.0,
        look_s: float = 1.0,
        on_close: Callable[[SimulatedLane], None] = lambda _: None,
    ) -> None:
        self.calls: list[Call] = []
        self.share = Share(clock=clock)
        self._clock = clock
        self._play = play
        self._capacity = capacity
        self._exist = slots
        self._time = SlotTime(clock=clock)
        self._cancel_s = cancel_s
        self._look_s = look_s
        self._on_close = on_close
        self._events: list[tuple[float, int, int, LaneEvent | Report]] = []
        self._order = count()
        self._receive: Receive = lambda _: Answer.CONTINUE
        self._running: dict[int, int] = {}  # number -> index of its call
        self._begins: dict[int, float] = {}
        self._failure: BaseException | None = None

    def prepare(self, patience: Patience) -> None:
        """Do nothing."""

    @property
    def capacity(self) -> int:
        return self._capacity(self._clock()) if callable(self._capacity) else self._capacity

    @property
    def slots(self) -> int:
        return self.capacity if self._exist is None else self._exist

    def room(self, wanted: float) -> int:
        return max(int(min(self.capacity, wanted)) - len(self._running), 0)

    def charge(self) -> Charge:
        self._time.change(self.slots)
        return self._time.charge

    def listen(self, receive: Receive) -> None:
        self._receive = receive

    def submit(self, call: Call) -> None:
        """Start a trial; raises ValueError if the same trial is running."""
        number = call.trial.number
        if number in self._running:
            raise ValueError(f"a trial must run once at a time, got {number} while it is running")
        self.calls.append(call)
        try:
            ending = self._play(call)
        except Exception as error:  # noqa: BLE001 - any error simulates the loss of the engine
            self._failure = error
            return
        self._running[number] = len(self.calls)
        self._begins[number] = self._clock() + ending.queued_s
        for step, loss in enumerate(ending.curve, start=1):
            trial = call.trial
            report = Report(number, trial.attempt, trial.tries, step, loss)
            self._at(ending.queued_s + ending.after_s * step / len(ending.curve), number, report)
        self._at(ending.queued_s + ending.after_s, number, ending.event(number))

    def ran_s(self, number: int) -> float | None:
        """Return how long a trial has been running, or None while it is queued."""
        ran = self._clock() - self._begins[number]
        return ran if ran >= 0 else None

    def events(self, *, wait_s: float | None) -> Sequence[LaneEvent]:
        """Advance until a trial has ended, at most by `wait_s`, at most by `look_s`."""
        if self._failure is not None:
            raise self._failure
        if wait_s is None and not self._events and self.capacity > 0:
            raise RuntimeError("the tuner waits without a limit, but no trial is running")
        patience = self._clock() + (self._look_s if wait_s is None else min(wait_s, self._look_s))
        found: list[LaneEvent] = []
        while not found and self._events and self._events[0][0] <= patience:
            self._clock.pass_to(self._events[0][0])
            while self._events and self._events[0][0] <= self._clock():
                _, which, _, item = heapq.heappop(self._events)
                number = item.trial if isinstance(item, Report) else item.number
                # The ending of a cancelled trial is dropped: its Lost event was queued instead.
                if self._running.get(number) != which:
                    continue
                if isinstance(item, Report):
                    if self._receive(item) is not Answer.STOP:
                        continue
                    item = Ended(number, Reply(self.ran_s(number) or 0.0, TrialState.PRUNED))
                del self._running[number]
                found.append(item)
        if not found:
            self._clock.pass_to(patience)
        return found

    def cancel(self, number: int) -> None:
        """End one trial."""
        self._running[number] = -number - 1
        self._at(self._cancel_s, number, Lost(number, "cancelled"))

    def interrupt(self, error: BaseException) -> None:
        """Make `events` raise `error`."""
        self._failure = error

    def wake(self) -> None:
        """Do nothing, because `events` returns after `look_s` at the latest."""

    def close(self) -> None:
        """Forget the running trials, and release the slots."""
        self._events.clear()
        self._running.clear()
        self._on_close(self)

    def _at(self, after_s: float, number: int, item: LaneEvent | Report) -> None:
        at, which = self._clock() + after_s, self._running[number]
        heapq.heappush(self._events, (at, which, next(self._order), item))
