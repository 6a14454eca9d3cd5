"""The loop and the limits: asks for configurations, keeps every slot busy, records before it learns.

Knows neither hyperopt nor Spark: a `Sampler` makes the points, `Slots` run the trials.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from airflow_sparktune.driver.backends.base import Finished, Slots
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Exhausted, Sampler
from airflow_sparktune.driver.slot_numbers import SlotNumbers
from airflow_sparktune.driver.stopping import Limits
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.objective import TrialInfo
from airflow_sparktune.study.spec import Spec
from airflow_sparktune.study.study import StopReason
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState

log = logging.getLogger(__name__)

# Trials that start together share a commit. None waits longer for the next one's points than the last commit
# took, or than this.
GROUP_S = 0.02
# How long the end of a study waits for the slots to let go of trials that were cancelled.
CANCEL_GRACE_S = 5.0


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of a trial, from nothing but the study's seed and the trial's number: 0 to 2**31 - 1.

    >>> trial_seed(7, 0) == trial_seed(7, 0) != trial_seed(7, 1)
    True
    """
    digest = hashlib.sha256(f"{study_seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class Tuner:
    """Runs a study to its end on top of what its journal already holds.

    `on_trial` hears of every trial that ended, after it was recorded. `limits` makes what says when it ends.
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
        limits: Callable[..., Limits] = Limits,
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
        self._limits = limits(spec, used_s=recorder.elapsed_s, clock=clock)
        self._waiting: deque[Trial] = deque()  # on record as running, and to be run again
        self._next = max(self._study.trials, default=-1) + 1
        self._running: dict[int, float] = {}  # number -> when its own timeout strikes
        self._launched: dict[int, float] = {}  # number -> when it was handed to its slot, by the wall clock
        self._leaving: set[int] = set()  # ended for us, but their slot is not free yet
        self._slot_numbers = SlotNumbers()

    def run(self) -> StopReason:
        """Run until a limit is reached; raises ObjectiveError when nothing works."""
        self._replay()
        while (reason := self._reached()) is None:
            filled = self._fill()
            patience = min(self._limits.deadline, self._next_strike()) if filled else self._clock()
            self._collect(self._wait(until=patience))
        self._cancel_rest()
        self._limits.require_success()
        return reason

    def _reached(self) -> StopReason | None:
        """The limit that ends the study, if one does; what has finished by now still counts."""
        if self._limits.reached() is not None and self._running:
            self._collect(self._slots.finished(wait_s=0))
        return self._limits.reached()

    def _replay(self) -> None:
        """Learn what the journal knows; trials that a dead driver left running come first again."""
        known = sorted(self._study.trials.values(), key=lambda trial: trial.number)
        for trial in known:
            # A trial cut off by the end of an earlier attempt says nothing of its region.
            if trial.state is not TrialState.CANCELLED:
                self._sampler.tell(trial)
        self._limits.replay(self._study.ended)
        running = (trial for trial in known if trial.state is TrialState.RUNNING)
        self._waiting.extend(replace(_without_slot(trial), tries=0) for trial in running)

    def _fill(self) -> bool:
        """Start trials where there is room, as many as share a commit; whether there was room for no more."""
        capacity = self._slots.capacity
        self._recorder.slots(capacity)
        room = capacity - len(self._running) - len(self._leaving)
        wanted = self._limits.wanted - len(self._running)
        most = min(room, wanted)
        starts = self._starts(most) if most > 0 else []
        # A number is on record before anything runs under it, so that it is never given out twice.
        self._recorder.commit()
        self._launch(starts)
        return len(starts) >= most

    def _starts(self, most: int) -> list[Trial]:
        """Up to `most` trials, recorded as running: those that are run again first, then new ones."""
        until = self._clock() + max(GROUP_S, self._recorder.commit_s)
        starts: list[Trial] = []
        try:
            while not starts or (len(starts) < most and self._clock() < until):
                starts.append(self._start())
        except Exhausted:
            log.warning("the algorithm has nothing more to suggest: the study ends with what runs now")
            self._limits.exhaust(len(self._running) + len(starts))
        return starts

    def _start(self) -> Trial:
        trial = self._waiting.popleft() if self._waiting else self._ask()
        trial = replace(
            trial,
            start=self._recorder.now,
            slot=self._slot_numbers.take(),
            attempt=self._recorder.attempt,
            tries=trial.tries + 1,
        )
        self._sampler.tell(trial)
        self._recorder.trial(trial)
        return trial

    def _ask(self) -> Trial:
        number, self._next = self._next, self._next + 1
        with self._recorder.watch.on("ask"):
            point = self._sampler.ask(number, seed=trial_seed(self._seed, number))
        return Trial(number=number, params=point.params, point=point.raw, tries=0)

    def _launch(self, starts: Sequence[Trial]) -> None:
        """Hand trials to the slots; those that the deadline has overtaken stay behind."""
        limit = math.inf if self._spec.trial_timeout is None else self._spec.trial_timeout
        for trial in starts:
            now = self._clock()
            if now >= self._limits.deadline:
                self._slot_numbers.give_back(trial.slot)
                self._waiting.append(_without_slot(trial))
                continue
            self._running[trial.number] = now + limit
            self._launched[trial.number] = self._recorder.now
            seed = trial_seed(self._seed, trial.number)
            self._slots.submit(Call(trial.params, TrialInfo(trial.number, seed, trial.attempt, trial.tries)))

    def _next_strike(self) -> float:
        """When the first trial_timeout strikes."""
        return math.inf if self._spec.trial_timeout is None else min(self._running.values(), default=math.inf)

    def _overdue(self) -> list[int]:
        """The trials that have run for trial_timeout; one that began later than it was sent has time left."""
        limit, now = self._spec.trial_timeout, self._clock()
        if limit is None:
            return []
        struck = [number for number, strike in self._running.items() if strike <= now]
        # As moments, like the others: a rest too small to move the clock is none.
        self._running.update((number, now + limit - (self._slots.ran_s(number) or 0.0)) for number in struck)
        return [number for number in struck if self._running[number] <= now]

    def _wait(self, *, until: float) -> Sequence[Finished]:
        wait_s = None if until == math.inf else max(until - self._clock(), 0.0)
        with self._recorder.watch.on("wait"):
            return self._slots.finished(wait_s=wait_s)

    def _collect(self, finished: Sequence[Finished]) -> None:
        """Record what has ended, and only then learn from it."""
        ended = [trial for item in finished if (trial := self._take_back(item)) is not None]
        ended += map(self._time_out, self._overdue())
        for trial in ended:
            self._recorder.trial(trial)
        self._recorder.commit()
        for trial in ended:
            self._limits.tell(trial)
            self._sampler.tell(trial)
            self._on_trial(trial)

    def _take_back(self, item: Finished) -> Trial | None:
        """Free the slot of what has finished; the trial with its end, None where it has none yet."""
        trial = self._of(item.number)
        if item.number in self._leaving:
            self._leaving.discard(item.number)
            self._slot_numbers.give_back(trial.slot)
            return None
        # A cancelled trial may come back after its slot had been given up.
        if self._running.pop(item.number, None) is None:
            return None
        self._slot_numbers.give_back(trial.slot)
        if item.reply is None and trial.tries <= self._spec.max_trial_retries:
            log.warning("trial %d lost its worker, it is run again: %s", trial.number, item.lost)
            self._waiting.append(_without_slot(trial))
            self._recorder.trial(self._waiting[-1])
            return None
        return self._end(trial, item)

    def _end(self, trial: Trial, item: Finished) -> Trial:
        now, reply = self._recorder.now, item.reply
        if reply is None:
            message = f"its worker or executor went away in each of {trial.tries} tries: {item.lost}"
            return trial.ended(TrialState.FAILED, end=now, error=Failure(FailureKind.LOST, message))
        return trial.ended(
            TrialState.OK if reply.failure is None else TrialState.FAILED,
            end=now,
            loss=reply.loss,
            run_s=reply.run_s,
            error=reply.failure,
            info=reply.info or {},
        )

    def _of(self, number: int) -> Trial:
        """A trial that was launched; its commit and the other asks that shared it came before its start."""
        return replace(self._study.trials[number], start=self._launched[number])

    def _time_out(self, number: int) -> Trial:
        self._let_go(number)
        message = (
            f"it ran longer than trial_timeout ({self._spec.trial_timeout:g} s); raise it if that is usual"
        )
        failure = Failure(FailureKind.TIMEOUT, message)
        return self._of(number).ended(TrialState.FAILED, end=self._recorder.now, error=failure)

    def _let_go(self, number: int) -> None:
        """Cancel a trial; whatever its slot still reports is no result."""
        del self._running[number]
        self._leaving.add(number)
        self._slots.cancel(number)

    def _cancel_rest(self) -> None:
        """End of the study: what still runs is cancelled, and what waits is not run again."""
        rest = [*map(self._of, self._running), *self._waiting]
        for number in list(self._running):
            self._let_go(number)
        for trial in rest:
            self._recorder.trial(trial.ended(TrialState.CANCELLED, end=self._recorder.now))
        self._recorder.commit()
        patience = self._clock() + CANCEL_GRACE_S
        while self._leaving and (left := patience - self._clock()) > 0:
            self._leaving.difference_update(item.number for item in self._slots.finished(wait_s=left))


def _without_slot(trial: Trial) -> Trial:
    """A trial that waits to be run again."""
    return replace(trial, start=None, slot=None)
