"""Run studies without Spark, hyperopt or real time: memory storage, a virtual clock, a fake sampler."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_sparktune.driver.loop.stopping import StoppingRules, no_success
from airflow_sparktune.driver.loop.trial_queue import Start, TrialQueue
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers.base import Recommendation, Suggestion
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study import storage
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import StopReason, rules_of
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Failure, FailureKind, Trial, TrialState
from benchmarks.simulated import Ending, SimulatedLane, VirtualClock

SEED = 7


class MemoryStorage(storage.MemoryStorage):
    """A study folder in memory."""

    def study(self) -> Study:
        """Return the study as a reader sees it now."""
        follower = StudyFollower(self)
        follower.refresh()
        assert follower.problems == []
        return follower.study


class DigestSampler:
    """Suggests points that depend on the seed and on all trials so far, as TPE does."""

    dimensions = ()

    def __init__(self) -> None:
        self.trials: dict[int, tuple[str, float | None]] = {}
        self.asked: list[tuple[int, int]] = []

    def ask(self, number: int, *, seed: int) -> Suggestion:
        self.asked.append((number, seed))
        state = json.dumps([seed, sorted(self.trials.items())])
        x = int.from_bytes(hashlib.sha256(state.encode()).digest()[:4], "big") / 2**32
        return Suggestion({"x": x}, {"x": x}, by="digest")

    def given(self, params: Any) -> Suggestion:
        return Suggestion(dict(params), dict(params))

    def tell(self, trial: Trial) -> None:
        self.trials[trial.number] = (trial.state.value, trial.loss)

    def recommend(self) -> Recommendation | None:
        return None


class PlainSampler(DigestSampler):
    """A cheap sampler that suggests the trial's number."""

    def ask(self, number: int, *, seed: int) -> Suggestion:
        return Suggestion({"x": number}, {"x": number})

    def tell(self, trial: Trial) -> None:
        pass


def spec(**given: Any) -> Spec:
    return Spec.of(
        **{"objective": "churn.train:loss", "space": {"x": {"uniform": [0, 1]}}, "max_evals": 10, **given}
    )


def by_x(call: Call) -> Ending:
    """Play trials of one second whose loss is x."""
    return Ending.ok(call.params["x"])


def raises(message: str = "ValueError: no", *, after_s: float = 1.0, traceback: str = "T") -> Ending:
    return Ending(after_s, reply=Reply.failed(Failure(FailureKind.RAISED, message, traceback), run_s=after_s))


def lasting(call: Call) -> Ending:
    """Play trials of 1, 2, 3, 1, 2, 3, ... seconds."""
    return Ending.ok(call.params["x"], after_s=1.0 + call.trial.number % 3)


@dataclass
class World:
    """A study folder and clocks that outlive attempts.

    The wall clock is off by `set_by_s` seconds. `reported` are the trials passed to `on_trial`.
    """

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    clock: VirtualClock = field(default_factory=VirtualClock)
    sampler: DigestSampler = field(default_factory=DigestSampler)
    reported: list[Trial] = field(default_factory=list)
    slots: SimulatedLane | None = None
    set_by_s: float = 0.0
    grace_s: float = 0.0

    def attempt(
        self,
        play: Callable[[Call], Ending] = by_x,
        *,
        capacity: int | Callable[[float], int] = 1,
        slots: SimulatedLane | None = None,
        sampler: DigestSampler | None = None,
        **given: Any,
    ) -> StopReason:
        """Run one attempt at the study to its end."""
        self.slots = slots or SimulatedLane(self.clock, play, capacity=capacity)
        tuner = self.tuner(self.slots, sampler=sampler, **given)
        reason = tuner.run()
        if self.recorder.study.best is None:
            raise no_success(self.recorder.study, reason)
        self.recorder.close(reason)
        return reason

    def interrupt(self, play: Callable[[Call], Ending], *, capacity: int, ends: int, **given: Any) -> None:
        """Run an attempt whose engine fails after `ends` trials have ended."""
        slots = SimulatedLane(self.clock, play, capacity=capacity)
        tuner = self.tuner(slots, **given)
        stop_after(slots, ends)
        with pytest.raises(EngineGone):
            tuner.run()

    def tuner(
        self,
        slots: SimulatedLane,
        *,
        sampler: DigestSampler | None = None,
        prepare_s: float = 0.0,
        starts: Sequence[Start] = (),
        **given: Any,
    ) -> Tuner:
        """Return a tuner for an attempt that was opened `prepare_s` seconds ago."""
        follower = StudyFollower(self.storage)
        follower.refresh()
        self.sampler = sampler or DigestSampler()
        self.recorder = Recorder.open(
            self.storage,
            follower,
            spec=spec(**given),
            seed=SEED,
            dimensions=(),
            take_over=True,
            grace_s=self.grace_s,
            wall=lambda: self.clock() + self.set_by_s,
            clock=self.clock,
            sleep=lambda seconds: self.clock.pass_to(self.clock() + seconds),
        )
        if prepare_s:
            self.clock.pass_to(self.clock() + prepare_s)
        return Tuner(
            recorder=self.recorder,
            sampler=self.sampler,
            lane=slots,
            rules=StoppingRules(rules_of(spec(**given)), ran_s=self.recorder.elapsed_s, clock=self.clock),
            queue=TrialQueue(starts, known=self.recorder.study.trials.values()),
            pruner=pruner_of(spec(**given).pruner),
            on_trial=self.reported.append,
            clock=self.clock,
        )

    @property
    def trials(self) -> dict[int, Trial]:
        return self.storage.study().trials

    def numbers(self, state: TrialState) -> list[int]:
        return sorted(trial.number for trial in self.trials.values() if trial.state is state)

    @property
    def params(self) -> list[Any]:
        return [self.trials[number].params for number in sorted(self.trials)]


class EngineGone(Exception):
    pass


def stop_after(slots: SimulatedLane, ends: int) -> None:
    """Make the engine fail in the call of `events` after a number of trials."""
    count = 0
    events = slots.events

    def dying(*, wait_s: float | None) -> object:
        nonlocal count
        if count >= ends:
            raise EngineGone
        found = events(wait_s=wait_s)
        count += len(found)
        return found

    slots.events = dying  # type: ignore[method-assign,assignment]


def stop_at(slots: SimulatedLane, clock: VirtualClock, at: float) -> None:
    """Make the engine fail in the first call of `events` after a time."""
    events = slots.events

    def dying(*, wait_s: float | None) -> object:
        if clock() >= at:
            raise EngineGone
        return events(wait_s=wait_s)

    slots.events = dying  # type: ignore[method-assign,assignment]
