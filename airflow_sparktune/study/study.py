"""The state of a study, computed by replaying the events of its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.journal.events import (
    Alive,
    Closed,
    Decided,
    Event,
    Nominated,
    Opened,
    Recommended,
    Reported,
    SlotsChanged,
    SparkStarted,
    StartsResolved,
    TrialChanged,
)
from airflow_sparktune.study.journal.spark_application import SparkApplication
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.retuning.decision import Decision
from airflow_sparktune.study.stopping import StopReason, still_ends
from airflow_sparktune.study.trial import Trial, TrialPurpose, TrialState


@dataclass(slots=True)
class AttemptRecord:
    """The record of an attempt, computed from its events.

    `ran_s` is its running time and `timing` how it was spent, in seconds by the driver's monotonic clock;
    `prepared` is the running time and the reserved slot-seconds before its first trial.
    """

    number: int
    opened: float
    last: float
    ran_s: float = 0.0
    timing: Mapping[str, float] = field(default_factory=dict)
    host: str | None = None
    pid: int | None = None
    spark: SparkApplication | None = None
    prepared: tuple[float, float] | None = None
    reserved: float | None = None  # what its engine has charged it for slots, in slot-seconds
    closed: bool = False


class Study:
    """The state of a study after the events applied so far.

    `apply` takes one event at a time; replaying a prefix and then the rest gives the same state as replaying
    everything. `changes` counts the applied events; `changed[n]` is the count at which trial n last changed,
    and `changed_s[n]` the study's running time by then. `curves` has what each trial reported in its last
    try, `reported[n]` the count at its last report, and `reports_lost` why reports of this attempt did not
    arrive. `lowest` is the successful trial of the search with the lowest loss. `slots` is the number of
    slots of the newest attempt that has had any, `open_slots` that of the running one. `trials_s` is the run
    time of the trials that have ended, `slots_s` the time of the slots that the study has reserved, and
    `last_improvement_s` the part of `slots_s` between the last two improvements of the lowest loss. These
    times are in seconds.
    """

    def __init__(self) -> None:
        self.spec: Spec | None = None
        self.seed: int | None = None
        self.dimensions: tuple[Mapping[str, Any], ...] = ()
        self.versions: Mapping[str, str] = {}
        self.attempts: list[AttemptRecord] = []
        self.trials: dict[int, Trial] = {}
        self.curves: dict[int, Curve] = {}
        self.reported: dict[int, int] = {}
        self.reports_lost: str | None = None
        self.lowest: Trial | None = None
        self._recommended: Recommended | None = None
        self.slots: int | None = None
        self.open_slots = 0
        self.trials_s = self.slots_s = self.last_improvement_s = 0.0
        self._improved_s = 0.0  # slots_s at the last improvement
        self.starts: StartsResolved | None = None
        self.nominated: Nominated | None = None
        self.decision: Decision | None = None
        self.closed: Closed | None = None
        self.changes = 0
        self.changed: dict[int, int] = {}
        self.changed_s: dict[int, float] = {}

    def apply(self, event: Event) -> None:
        """Apply one event. An event of a kind from a later version only advances the time."""
        self._pass_time(event)
        match event:
            case Opened():
                self._open(event)
            case TrialChanged():
                self._put(event.trial)
            case Reported():
                for reports in event.trials:
                    if reports.trial in self.trials:
                        self.curves.setdefault(reports.trial, Curve()).extend(reports)
                        self.reported[reports.trial] = self.changes + 1
                self.reports_lost = event.lost or self.reports_lost
            case SlotsChanged():
                self.slots = self.open_slots = event.slots
            case SparkStarted() if self.attempts:
                self.attempts[-1].spark = event.spark
            case StartsResolved():
                self.starts = event
            case Recommended():
                self._recommended = event
            case Nominated():
                self.nominated = event
            case Decided():
                self.decision = event.decision
            case Alive():
                self._take_timing(event)
            case Closed():
                self._close(event)
        self.changes += 1

    @property
    def metric(self) -> Metric:
        """Return the metric that the objective returns."""
        return Metric() if self.spec is None else self.spec.metric

    @property
    def recommended(self) -> Recommended | None:
        """Return the recommendation of the search, if its trials are noisy and no trial has followed."""
        found = self._recommended
        trial = self.trials.get(found.trial) if found else None
        stands = trial is not None and trial.state is TrialState.OK and trial.purpose is TrialPurpose.SEARCH
        return found if stands else None

    @property
    def best(self) -> Trial | None:
        """Return the best trial of the search; `Summary` says what is best once a retuning has decided.

        It is the recommended one, or without a recommendation the one with the lowest loss.
        """
        return self.lowest if self.recommended is None else self.trials[self.recommended.trial]

    @property
    def best_loss(self) -> float | None:
        """Return the loss of the best trial: the expected one if the search recommends the trial."""
        if self.recommended is not None:
            return self.recommended.loss
        return self.lowest.loss if self.lowest else None

    @property
    def result_stands(self) -> bool:
        """Return whether the study was closed with a result, which a later attempt returns unchanged.

        A killed driver has no result, even if it had found a best trial.
        """
        if self.closed is None or self.closed.reason in (StopReason.KILLED, StopReason.ERROR):
            return False
        return self.closed.error is None and self.best is not None

    @property
    def has_verdict(self) -> bool:
        """Return whether the study ended with a result or a lasting error, so that no retry continues it."""
        if self.closed is None or self.closed.reason is StopReason.KILLED:
            return False
        return self.closed.error is None or self.closed.error.get("retryable") is not True

    def answers(self, spec: Spec) -> bool:
        """Return whether the result is valid for `spec`: same identity, and limits that end it alike."""
        if self.spec is None or self.closed is None or not self.result_stands:
            return False
        if self.spec.changed_identity(spec):
            return False
        if self.decision is not None:  # another question is refused (see record.settled)
            return True
        return still_ends(self.closed.reason, self.spec, spec, counted=self.finished)

    def closed_in_order(self, attempt: int) -> bool:
        """Return whether the attempt closed its journal; an attempt whose driver died did not."""
        return any(each.closed for each in self.attempts if each.number == attempt)

    @property
    def finished(self) -> int:
        """Return the number of ended trials that count towards `max_evals`."""
        return sum(trial.counts for trial in self.trials.values())

    @property
    def searched(self) -> list[Trial]:
        """Return the trials of the search by number, without the repeats of a confirmation."""
        found = (trial for trial in self.trials.values() if trial.purpose is TrialPurpose.SEARCH)
        return sorted(found, key=lambda trial: trial.number)

    @property
    def guards(self) -> Guards:
        """Return the guardrails of the study, with its incumbent if that has run."""
        return Guards.of(self.spec.rule if self.spec else DecisionRule(), self.searched)

    @property
    def elapsed_s(self) -> float:
        """Return the running time of all attempts, in seconds."""
        return sum(attempt.ran_s for attempt in self.attempts)

    @property
    def reserves(self) -> bool:
        """Return whether the study is charged for the slots that it reserves.

        A study that began before the journal held `reserved` is charged for as many slots as it may fill.
        """
        return not self.attempts or self.attempts[0].reserved is not None

    @property
    def timing(self) -> dict[str, float]:
        """Return how the drivers spent their time, in seconds, as far as it is recorded."""
        total = Counter[str]()
        for attempt in self.attempts:
            total.update(attempt.timing)
        return {name: round(spent, 3) for name, spent in total.items()}

    @property
    def ended_trials(self) -> list[Trial]:
        """Return the trials that have ended, in the order in which they ended."""
        ended = (trial for trial in self.trials.values() if trial.state is not TrialState.RUNNING)
        return sorted(ended, key=lambda trial: self.changed[trial.number])

    def _open(self, event: Opened) -> None:
        self.spec = event.spec
        self.seed = event.seed
        self.dimensions = event.dimensions
        self.versions = event.versions
        self.closed = None
        self.open_slots = 0
        self.reports_lost = None
        self.attempts.append(
            AttemptRecord(
                event.attempt, event.at, event.at, host=event.host, pid=event.pid, reserved=event.reserved
            )
        )

    def _close(self, event: Closed) -> None:
        self.closed = event
        if self.attempts:
            self.attempts[-1].closed = True
        self._take_timing(event)

    def _take_timing(self, event: Alive | Closed) -> None:
        if event.timing is not None and self.attempts:
            self.attempts[-1].timing = event.timing

    def _pass_time(self, event: Event) -> None:
        """Add the time since the previous event of the attempt."""
        if not self.attempts or isinstance(event, Opened):
            return
        attempt = self.attempts[-1]
        if event.at is not None:
            attempt.last = max(attempt.last, event.at)
        ran_s = attempt.last - attempt.opened if event.ran_s is None else event.ran_s
        passed_s = max(ran_s - attempt.ran_s, 0.0)
        attempt.ran_s += passed_s
        if not self.reserves:
            self.slots_s += self.open_slots * passed_s
        elif event.reserved is not None:
            self.slots_s += event.reserved - (attempt.reserved or 0.0)
            attempt.reserved = event.reserved

    def _put(self, trial: Trial) -> None:
        before = self.trials.get(trial.number)
        # Trials adopted from another study used no slots of this one.
        if before is not None and before.state is TrialState.RUNNING is not trial.state:
            self.trials_s += trial.took_s
        if trial.state is TrialState.RUNNING:
            self.curves.pop(trial.number, None)
            if self.attempts and (attempt := self.attempts[-1]).prepared is None:
                attempt.prepared = (attempt.ran_s, attempt.reserved or 0.0)
        self.trials[trial.number] = trial
        self.changed[trial.number] = self.changes + 1
        self.changed_s[trial.number] = self.elapsed_s
        if trial.purpose is not TrialPurpose.SEARCH:
            return
        self._recommended = None
        if self.lowest is not None and self.lowest.number == trial.number:
            succeeded = (each for each in self.searched if each.state is TrialState.OK)
            self.lowest = min(succeeded, key=lambda each: each.rank, default=None)
        elif trial.state is TrialState.OK and (self.lowest is None or trial.rank < self.lowest.rank):
            self.lowest = trial
            self.last_improvement_s, self._improved_s = self.slots_s - self._improved_s, self.slots_s
