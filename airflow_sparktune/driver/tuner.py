"""The loop and the limits: asks for configurations, keeps every slot busy, records before it learns.

Knows neither hyperopt nor Spark: a `Sampler` makes the points, `Slots` run the trials.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from airflow_sparktune.driver.limits import Limits
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.executor.evaluate import Call, Reply
from airflow_sparktune.executor.objective import TrialInfo
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import StopReason
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

log = logging.getLogger(__name__)

# How long the end of a study waits for the slots to let go of trials that were cancelled.
CANCEL_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration: the sampler's raw numbers by label, and the plain values made of them."""

    raw: Mapping[str, Any]
    params: Any


class Sampler(Protocol):
    """Makes configurations from what became of the earlier ones."""

    def ask(self, number: int, *, seed: int) -> Point:
        """The configuration of trial `number`: a function of the trials told so far and the seed."""

    def tell(self, trial: Trial) -> None:
        """Take in where a trial stands: running ones too, so that parallel asks spread out."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A slot is free again: with the trial's reply, or with why its worker was lost."""

    number: int
    reply: Reply | None = None
    lost: str | None = None


class Slots(Protocol):
    """Where trials run. Raises from `finished` when the engine behind it is gone."""

    @property
    def capacity(self) -> int:
        """How many trials can run at once, now."""

    def submit(self, call: Call) -> None:
        """Start a trial in a free slot."""

    def finished(self, *, wait_s: float | None) -> Sequence[Finished]:
        """What has finished; waits up to `wait_s` seconds (None: as long as it takes) for the first.

        May return nothing early, when the capacity may have changed.
        """

    def cancel(self, number: int) -> None:
        """End a trial alone; its slot still reports through `finished`."""


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of a trial, from nothing but the study's seed and the trial's number: 0 to 2**31 - 1.

    >>> trial_seed(7, 0) == trial_seed(7, 0) != trial_seed(7, 1)
    True
    """
    digest = hashlib.sha256(f"{study_seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Tuner:
    """Runs a study to its end on top of what its journal already holds.

    `on_trial` hears of every trial that ended, after it was recorded.
    """

    def __init__(
        self,
        *,
        spec: Spec,
        seed: int,
        recorder: Recorder,
        sampler: Sampler,
        slots: Slots,
        on_trial: Callable[[Trial], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._seed = seed
        self._recorder = recorder
        self._study = recorder.study
        self._sampler = sampler
        self._slots = slots
        self._on_trial = on_trial
        self._clock = clock
        self._limits = Limits(spec, used_s=self._study.elapsed_s, clock=clock)
        self._interrupted: deque[Trial] = deque()
        self._next = max(self._study.trials, default=-1) + 1
        self._running: dict[int, float] = {}  # number -> when its own timeout strikes
        self._leaving: set[int] = set()  # ended for us, but their slot is not free yet
        self._places = Places()
        self._ask_s = self._wait_s = 0.0

    @property
    def timing(self) -> dict[str, float]:
        """Where the driver's time went, in seconds."""
        return {
            "ask_s": round(self._ask_s, 3),
            "wait_s": round(self._wait_s, 3),
            "journal_s": round(self._recorder.journal_s, 3),
        }

    def run(self) -> StopReason:
        """Run until a limit is reached; raises ObjectiveError when nothing works."""
        self._replay()
        while (reason := self._limits.reached()) is None:
            self._fill()
            self._collect(self._wait(min([self._limits.deadline, *self._running.values()])))
        self._cancel_rest()
        return reason

    def _replay(self) -> None:
        """Learn what the journal knows; trials that a dead driver left running come first again."""
        known = sorted(self._study.trials.values(), key=lambda trial: (trial.end or math.inf, trial.number))
        for trial in known:
            self._sampler.tell(trial)
            self._limits.tell(trial)
        self._interrupted.extend(trial for trial in known if trial.state is TrialState.RUNNING)

    def _fill(self) -> None:
        """Start as many trials as there is room for: interrupted ones first, then new ones."""
        capacity = self._slots.capacity
        self._recorder.slots(capacity)
        room = capacity - len(self._running) - len(self._leaving)
        wanted = self._spec.max_evals - self._limits.finished - len(self._running)
        starts = [self._start() for _ in range(min(room, wanted))]
        # A number is on record before anything runs under it, so that it is never given out twice.
        self._recorder.commit()
        for trial in starts:
            self._submit(trial)

    def _start(self) -> Trial:
        trial = replace(
            self._interrupted.popleft() if self._interrupted else self._ask(),
            start=self._recorder.now,
            slot=self._places.take(),
            attempt=self._recorder.attempt,
            tries=1,
        )
        self._sampler.tell(trial)
        self._recorder.trial(trial)
        return trial

    def _ask(self) -> Trial:
        number, self._next = self._next, self._next + 1
        start = self._clock()
        point = self._sampler.ask(number, seed=trial_seed(self._seed, number))
        self._ask_s += self._clock() - start
        return Trial(number=number, params=point.params, point=point.raw)

    def _submit(self, trial: Trial) -> None:
        limit = self._spec.trial_timeout
        self._running[trial.number] = math.inf if limit is None else self._clock() + limit
        seed = trial_seed(self._seed, trial.number)
        self._slots.submit(Call(trial.params, TrialInfo(trial.number, seed, trial.attempt, trial.tries)))

    def _wait(self, until: float) -> Sequence[Finished]:
        start = self._clock()
        finished = self._slots.finished(wait_s=None if until == math.inf else max(until - start, 0.0))
        self._wait_s += self._clock() - start
        return finished

    def _collect(self, finished: Sequence[Finished]) -> None:
        """Record what has ended, and only then learn from it."""
        ended, again = [], []
        for item in finished:
            trial = self._study.trials[item.number]
            if item.number in self._leaving:
                self._leaving.discard(item.number)
                self._places.give_back(trial.slot)
            elif item.number not in self._running:
                continue  # a cancelled trial that came back after its slot had been given up
            elif item.reply is None and trial.tries <= self._spec.max_trial_retries:
                log.warning("trial %d lost its worker, trying it again: %s", trial.number, item.lost)
                again.append(replace(trial, tries=trial.tries + 1))
            else:
                del self._running[item.number]
                self._places.give_back(trial.slot)
                ended.append(self._end(trial, item))
        now = self._clock()
        ended += [self._time_out(number) for number, strikes in list(self._running.items()) if strikes <= now]
        for trial in (*ended, *again):
            self._recorder.trial(trial)
        self._recorder.commit()
        for trial in ended:
            self._limits.tell(trial)
            self._sampler.tell(trial)
            self._on_trial(trial)
        for trial in again:
            self._submit(trial)

    def _end(self, trial: Trial, item: Finished) -> Trial:
        now, reply = self._recorder.now, item.reply
        if reply is None:
            message = f"its worker or executor went away {trial.tries} times; the last time: {item.lost}"
            return trial.ended(TrialState.FAILED, end=now, error=Failure(FailureKind.LOST, message))
        return trial.ended(
            TrialState.OK if reply.failure is None else TrialState.FAILED,
            end=now,
            loss=reply.loss,
            run_s=reply.run_s,
            error=reply.failure,
            info=reply.info or {},
        )

    def _time_out(self, number: int) -> Trial:
        self._let_go(number)
        message = (
            f"it ran longer than trial_timeout ({self._spec.trial_timeout:g} s); raise it if that is usual"
        )
        failure = Failure(FailureKind.TIMEOUT, message)
        return self._study.trials[number].ended(TrialState.FAILED, end=self._recorder.now, error=failure)

    def _let_go(self, number: int) -> None:
        """Cancel a trial; whatever its slot still reports is no result."""
        del self._running[number]
        self._leaving.add(number)
        self._slots.cancel(number)

    def _cancel_rest(self) -> None:
        """End of the study: what has finished by now still counts, the rest is cancelled."""
        if self._running:
            self._collect(self._slots.finished(wait_s=0))
        for number in list(self._running):
            self._let_go(number)
            trial = self._study.trials[number]
            self._recorder.trial(trial.ended(TrialState.CANCELLED, end=self._recorder.now))
        self._recorder.commit()
        patience = self._clock() + CANCEL_GRACE_S
        while self._leaving and (left := patience - self._clock()) > 0:
            self._leaving.difference_update(item.number for item in self._slots.finished(wait_s=left))


class Places:
    """Places on the timeline: a trial takes the lowest that is free."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._made = 0

    def take(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._made += 1
        return self._made - 1

    def give_back(self, place: int | None) -> None:
        if place is not None:
            heapq.heappush(self._free, place)
