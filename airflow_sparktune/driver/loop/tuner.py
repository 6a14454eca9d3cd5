"""The tuning loop: ask for configurations, keep every slot busy, record each result before learning from it.

The loop is independent of hyperopt and Spark: a `Sampler` suggests points, and a `Lane` runs trials.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from airflow_sparktune.driver.engines.base import Lane, LaneEvent
from airflow_sparktune.driver.loop.ends import Ends
from airflow_sparktune.driver.loop.resume import learn, replay
from airflow_sparktune.driver.loop.slots import Slots
from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.supply import Supply
from airflow_sparktune.driver.loop.trial_queue import TrialQueue, without_slot
from airflow_sparktune.driver.pruners.base import Pruner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.reports.judge import Judge
from airflow_sparktune.driver.samplers.base import Exhausted, Sampler
from airflow_sparktune.errors import DriverLost
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.objective import TrialContext
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import Trial, TrialPurpose, TrialState

log = logging.getLogger(__name__)

# Trials that start together share a commit. A trial waits for the next suggestion at most as long as the last
# commit took, or this long if that is more.
GROUP_S = 0.02
# Trials that end soon after one another share a commit too, if a commit takes longer than GROUP_S (as on an
# object store): the driver waits for half of the trials beyond the first few, at most this many commits' time
# and this many seconds.
FEW, GATHER_COMMITS, GATHER_S = 4, 10, 0.4
# The reports of all trials are written at least this many seconds apart, or this many commits' time, unless
# trials end anyway.
REPORTS_S, REPORTS_COMMITS = 1.0, 10
# How long the end of a study waits for cancelled trials to free their slots.
CANCEL_GRACE_S = 5.0


class Tuner:
    """Runs the search or the confirmation of a study, continuing from its journal.

    `queue` supplies trials before the sampler is asked; trials that an earlier attempt left running come
    first. `purpose` selects the trials of this phase from the journal. `pruner` decides which trials stop
    early. `on_trial` is called with each trial that has ended, after it was recorded.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        sampler: Sampler,
        lane: Lane,
        rules: StoppingRules,
        queue: TrialQueue | None = None,
        purpose: TrialPurpose = TrialPurpose.SEARCH,
        pruner: Pruner | None = None,
        on_trial: Callable[[Trial], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder = recorder
        self._sampler = sampler
        if recorder.spec.limits.cost_aware and (prefer_cheap := getattr(sampler, "prefer_cheap", None)):
            prefer_cheap(rules.left)
        self._lane = lane
        self._rules = rules
        self._on_trial = on_trial
        self._clock = clock
        self._queue = queue or TrialQueue()
        self._purpose = purpose
        self._judge = Judge(pruner, recorder.spec.metric)
        self._reported = clock()
        self._supply = Supply(sampler, self._queue, recorder)
        self._slots = Slots(trial_timeout=recorder.spec.limits.trial_timeout, clock=clock)
        self._ends = Ends(recorder, lane, slots=self._slots, queue=self._queue, judge=self._judge)

    def run(self) -> StopReason:
        """Run until a stopping rule is reached, and return its reason."""
        replay(
            self._purpose,
            recorder=self._recorder,
            sampler=self._sampler,
            rules=self._rules,
            queue=self._queue,
            on_trial=self._on_trial,
        )
        self._judge.learn(self._recorder.study)
        self._lane.listen(self._judge.receive)
        while (reason := self._reached()) is None:
            filled = self._fill()
            patience = min(self._rules.deadline, self._slots.next_due) if filled else self._clock()
            self._collect(self._wait(until=patience))
        self._cancel_rest()
        return reason

    def _reached(self) -> StopReason | None:
        """Return the reason that ends the study, if any; trials that have finished by now still count."""
        if self._rules.reached() is not None and self._slots.running:
            self._collect(self._lane.events(wait_s=0))
        return self._rules.reached()

    def _fill(self) -> bool:
        """Start trials in the free slots, as many as share a commit; return whether all slots are busy."""
        capacity = self._lane.capacity
        self._recorder.slots(capacity, exist=self._lane.slots)
        self._recorder.charge(self._lane.charge())
        charged = self._recorder.charged
        self._rules.spend(charged.slot_s, ran_s=self._recorder.elapsed_s, slots=charged.slots)
        wanted, running = self._rules.wanted, len(self._slots.running)
        if self._queue.next_runs_alone:
            wanted = running if self._slots.occupied else min(wanted, 1)
        elif any(self._queue.runs_alone(trial.number) for trial in self._slots.running):
            wanted = running
        room = self._lane.room(wanted)
        most = int(min(room, capacity - self._slots.occupied, wanted - running))
        starts = self._starts(most) if most > 0 else []
        if not (starts or self._slots.occupied or self._queue.again):
            self._ask_ahead()
        self._keep_reports(every_s=max(REPORTS_S, REPORTS_COMMITS * self._recorder.commit_s))
        # Trial numbers are durable before their trials start, so that no number is used twice.
        self._recorder.commit()
        self._launch(starts)
        return len(starts) >= most

    def _starts(self, most: int) -> list[Trial]:
        """Return up to `most` trials, recorded as running: first those that run again, then new ones."""
        until = self._clock() + max(GROUP_S, self._recorder.commit_s)
        starts: list[Trial] = []
        try:
            while not starts or (len(starts) < most and self._clock() < until):
                starts.append(self._start())
        except Exhausted:
            self._exhausted(len(self._slots.running) + len(starts))
        return starts

    def _exhausted(self, begun: int) -> None:
        log.warning("the algorithm has no more suggestions: the study ends after the running trials")
        self._rules.exhaust(begun)

    def _ask_ahead(self) -> None:
        """Have a trial ready for the first slot. No trial runs whose result could change the suggestion."""
        if self._rules.wanted > 0:
            try:
                self._supply.prepare()
            except Exhausted:
                self._exhausted(0)

    def _start(self) -> Trial:
        trial = self._supply.take()
        trial = replace(
            trial,
            start=self._recorder.now,
            slot=self._slots.take(),
            attempt=self._recorder.attempt,
            tries=trial.tries + 1,
        )
        learn(self._sampler, trial)
        self._recorder.trial(trial)
        return trial

    def _launch(self, starts: Sequence[Trial]) -> None:
        """Start trials in their slots; queue them again if the deadline has passed."""
        for trial in starts:
            if self._clock() >= self._rules.deadline:
                self._slots.give_back(trial.slot)
                self._queue.run_again(without_slot(trial))
                continue
            self._slots.start(replace(trial, start=self._recorder.now))
            self._judge.begin(trial)
            context = TrialContext(
                trial.number,
                self._supply.seed_of(trial),
                trial.attempt,
                trial.tries,
                trial.purpose.value,
                maximize=self._recorder.spec.metric.maximized,
            )
            self._lane.submit(Call(trial.params, context))

    def _wait(self, *, until: float) -> Sequence[LaneEvent]:
        wait_s = None if until == math.inf else max(until - self._clock(), 0.0)
        with self._recorder.watch.on("wait"):
            events = self._lane.events(wait_s=wait_s)
            return self._gather(events) if events else events

    def _gather(self, first: Sequence[LaneEvent]) -> Sequence[LaneEvent]:
        """Wait a moment for more trials to end, where writing each of them by itself takes long."""
        events, commit_s = list(first), self._recorder.commit_s
        if commit_s < GROUP_S:
            return events
        until = min(self._clock() + min(GATHER_COMMITS * commit_s, GATHER_S), self._rules.deadline)
        enough = (len(self._slots.running) - FEW) // 2
        try:
            while len(events) < enough and (left := until - self._clock()) > 0:
                events += self._lane.events(wait_s=left)
        except BaseException:
            self._collect(events)
            raise
        return events

    def _collect(self, events: Sequence[LaneEvent]) -> None:
        """Record the trials that have ended, then learn from them."""
        self._record(self._ends.of(events))
        # Asking the lane about overdue trials may raise; those that have ended are on record by now.
        self._record(self._ends.overdue())
        self._recorder.commit()

    def _record(self, trials: Iterable[Trial]) -> None:
        ended = list(trials)
        if not ended:
            return
        self._keep_reports()
        for trial in ended:
            self._judge.end(trial)
            self._recorder.trial(trial)
        self._recorder.commit()
        for trial in ended:
            self._rules.tell(trial)
            learn(self._sampler, trial)
            self._on_trial(trial)

    def _keep_reports(self, *, every_s: float = 0.0) -> None:
        """Record what trials have reported, unless that was done in the last seconds."""
        if self._clock() - self._reported >= every_s:
            self._reported = self._clock()
            self._recorder.reports(self._judge.take())

    def _cancel_rest(self) -> None:
        """Cancel the running trials at the end of the study; drop those that wait to run again."""
        running = list(self._slots.running)
        self._keep_reports()
        for trial in [*running, *self._queue.again]:
            self._recorder.trial(trial.ended(TrialState.CANCELLED, end=self._recorder.now))
        self._recorder.commit()
        try:
            for trial in running:
                self._ends.cancel(trial.number)
            patience = self._clock() + CANCEL_GRACE_S
            while self._slots.occupied and (left := patience - self._clock()) > 0:
                for event in self._lane.events(wait_s=left):
                    self._slots.vacate(event.number)
        except DriverLost as error:  # the result stands without Spark
            log.warning("the trials that still ran could not be cancelled: %s", error)
