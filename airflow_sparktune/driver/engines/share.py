"""The share of one lane in an engine's slots, and the rule that gives a free slot to one of several lanes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from airflow_sparktune.driver.engines.base import Charge

# A study without a number of trials counts as one that wants so many.
ENDLESS = 1_000
# A slot that its lane has not filled in this time, in seconds, goes to another.
TAKE_S = 1.0


class Share:
    """The slots and the expected work of one lane, by which an engine divides its slots.

    The lane holds `held` slots, in which `running` trials run or are about to; it may hold `most`. Its study
    wants `wanted` trials to end, those that run included. It is `idle` while it waits for events: if no
    trial runs then, its next suggestion is ready.
    """

    def __init__(self, *, most: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = math.inf if most is None else most
        self.wanted = 0.0
        self.held = 0
        self.idle = False
        self.mean_s: float | None = None
        self.charged = Charge()
        self._clock = clock
        self._begun: dict[int, float] = {}  # number of a running trial -> its start, by the clock
        self._ended = 0
        self._passes = False
        self._since = self._given = self._changed = clock()
        self._busy_s = 0.0

    @property
    def running(self) -> int:
        """Return the number of trials that run, or wait for a slot inside the engine."""
        return len(self._begun)

    @property
    def hungry(self) -> bool:
        """Return whether the lane can use another slot."""
        return not self._passes and self.held < min(self.most, self.wanted)

    @property
    def ready(self) -> bool:
        """Return whether the lane starts a trial at once when it gets a slot."""
        return self.idle and not self.held

    def want(self, trials: float) -> None:
        """Note how many trials the study wants; it is about to start those for which it holds slots."""
        self.wanted, self.idle, self._passes = trials, False, False

    def give(self) -> None:
        """Give the lane another slot."""
        self.held += 1
        self._since = self._given = self._clock()

    def take_back(self) -> None:
        """Take back the slots that the lane has left empty, until it asks again."""
        if self.held > self.running and self._clock() - self._given >= TAKE_S:
            self.held, self._passes = self.running, True

    def begin(self, number: int) -> None:
        """Count a trial that starts."""
        self._pass_time()
        self._begun[number] = self._clock()
        self.held = max(self.held, self.running)

    def end(self, number: int) -> None:
        """Free the slot of a trial that has ended; does nothing if that was done before."""
        if number not in self._begun:
            return
        self._pass_time()
        ran_s = self._clock() - self._begun.pop(number)
        self.held -= 1
        self.wanted = max(self.wanted - 1, 0.0)
        self.idle = False
        self._ended += 1
        self.mean_s = ((self.mean_s or 0.0) * (self._ended - 1) + ran_s) / self._ended
        self._since = self._clock()

    def need(self, usual_s: float) -> float:
        """Return the expected time left of the study for each slot that it would hold with one more.

        It grows with each trial's time, `usual_s` seconds, that the lane has been without a slot: none waits
        for ever.
        """
        each_s = self.mean_s if self.mean_s is not None else usual_s
        waits = 0.0 if self.held else (self._clock() - self._since) / max(usual_s, 1e-3)
        return min(self.wanted, ENDLESS) * each_s / (self.held + 1) * (1 + waits)

    def used_s(self) -> float:
        """Return the slot-seconds of trials since the last call."""
        self._pass_time()
        used_s, self._busy_s = self._busy_s, 0.0
        return used_s

    def _pass_time(self) -> None:
        now = self._clock()
        self._busy_s += self.running * (now - self._changed)
        self._changed = now


def neediest(shares: Sequence[Share]) -> Share | None:
    """Return the share that gets the next free slot: that of the study with the most expected time left.

    If that study is busy, with what a trial has returned or with its next suggestion, a ready one goes first.
    """
    hungry = [share for share in shares if share.hungry]
    if not hungry:
        return None
    known = [share.mean_s for share in shares if share.mean_s is not None]
    usual_s = sum(known) / len(known) if known else 1.0
    ready = [share for share in hungry if share.ready]
    first = max(hungry, key=lambda share: share.need(usual_s))
    return first if first.idle or not ready else max(ready, key=lambda share: share.need(usual_s))


def split(slot_s: float, slots: int, shares: Sequence[Share]) -> None:
    """Charge the lanes for `slot_s` more slot-seconds, and for `slots` slots from now on.

    Each pays in proportion to its trials' time since the last split; if none ran, all pay alike.
    """
    used = [share.used_s() for share in shares]
    if not sum(used):
        used = [1.0] * len(shares)
    running = [share.running for share in shares]
    if not sum(running):
        running = [1] * len(shares)
    for share, part, now in zip(shares, used, running, strict=True):
        charged_s = share.charged.slot_s + slot_s * part / sum(used)
        share.charged = Charge(charged_s, round(slots * now / sum(running)))
