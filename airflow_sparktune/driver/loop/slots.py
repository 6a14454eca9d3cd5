"""The slots of an attempt: which trials occupy them, and when the time of each trial is up."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection

from airflow_sparktune.study.trial import Trial


class Slots:
    """Tracks the trials in the slots: running trials, and cancelled ones whose slot is not free yet.

    Slots are numbered from 0 for the timeline; a trial takes the lowest free number. `trial_timeout` is in
    seconds, None for no limit; times are by `clock`.
    """

    def __init__(self, *, trial_timeout: float | None, clock: Callable[[], float]) -> None:
        self._timeout = math.inf if trial_timeout is None else trial_timeout
        self._clock = clock
        self._free: list[int] = []
        self._made = 0
        self._running: dict[int, Trial] = {}
        self._cancelled: dict[int, Trial] = {}
        self._due: dict[int, float] = {}  # number of a running trial -> the time at which its timeout expires

    @property
    def running(self) -> Collection[Trial]:
        """Return the running trials."""
        return self._running.values()

    @property
    def occupied(self) -> int:
        """Return the number of slots that are not free."""
        return len(self._running) + len(self._cancelled)

    @property
    def next_due(self) -> float:
        """Return the time at which the first timeout expires; infinite without one."""
        return math.inf if math.isinf(self._timeout) else min(self._due.values(), default=math.inf)

    def take(self) -> int:
        """Return the lowest free slot number."""
        if self._free:
            return heapq.heappop(self._free)
        self._made += 1
        return self._made - 1

    def give_back(self, slot: int | None) -> None:
        """Free a slot number; does nothing for None."""
        if slot is not None:
            heapq.heappush(self._free, slot)

    def start(self, trial: Trial) -> None:
        """Add a trial that runs from now on."""
        self._running[trial.number] = trial
        self._due[trial.number] = self._clock() + self._timeout

    def vacate(self, number: int) -> Trial | None:
        """Free the slot of a trial, and return the trial; None if it was not running."""
        trial = self._running.pop(number, None)
        self._due.pop(number, None)
        # A cancelled trial may also report after the attempt has stopped waiting for it.
        if left := trial or self._cancelled.pop(number, None):
            self.give_back(left.slot)
        return trial

    def cancel(self, number: int) -> Trial:
        """Mark a running trial as cancelled, and return it; its slot stays occupied until `vacate`."""
        del self._due[number]
        trial = self._cancelled[number] = self._running.pop(number)
        return trial

    def overdue(self, ran_s: Callable[[int], float | None]) -> list[int]:
        """Return the trials that have run for the timeout.

        `ran_s` returns how long a trial has run, in seconds, not counting its wait inside Spark.
        """
        if math.isinf(self._timeout):
            return []
        now = self._clock()
        suspects = [number for number, due in self._due.items() if due <= now]
        # Compared as times: a remainder too small to change the sum with `now` counts as zero.
        self._due.update((number, now + self._timeout - (ran_s(number) or 0.0)) for number in suspects)
        return [number for number in suspects if self._due[number] <= now]
