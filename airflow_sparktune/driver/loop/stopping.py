"""The stopping rules of a running study, applied to each trial that ends and to the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from airflow_sparktune.driver.samplers.base import Left
from airflow_sparktune.errors import NoSuccess
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.stopping import EndOfSuggestions, Rule, StopReason, label
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState


class StoppingRules:
    """Evaluates the rules, and keeps the reason of the first that is reached.

    `ran_s` is the running time of all earlier attempts in seconds; a study's timeout includes it.
    """

    def __init__(self, rules: Sequence[Rule], *, ran_s: float, clock: Callable[[], float]) -> None:
        self._exhausted = EndOfSuggestions()
        self._rules = (*rules, self._exhausted)
        self._clock = clock
        self._began = clock() - ran_s
        self._reason: StopReason | None = None

    @property
    def wanted(self) -> float:
        """Return the number of trials that still have to end, including running ones; may be infinite."""
        return min(rule.wanted for rule in self._rules)

    @property
    def deadline(self) -> float:
        """Return the time at which the study ends, by the clock."""
        return self._began + min(rule.deadline_s for rule in self._rules)

    def left(self) -> Left:
        """Return what is left of the study now.

        The values are rounded, so that they are the same after a restart, which adds up the time again.
        """
        now = self._clock()
        share = min(rule.share_left(ran_s=now - self._began) for rule in self._rules)
        return Left(round(share, 3), round(max(self.deadline - now, 0.0), 1))

    def spend(self, spent_s: float, *, ran_s: float, slots: int) -> None:
        """Pass the slot-seconds charged so far, the running time and the slots charged now to each rule."""
        for rule in self._rules:
            rule.spend(spent_s, ran_s=ran_s, slots=slots)

    def exhaust(self, begun: int) -> None:
        """End the study after the `begun` running trials: the algorithm has no more suggestions."""
        self._exhausted.exhaust(begun)

    def replay(self, trials: Iterable[Trial]) -> None:
        """Record the trials of earlier attempts, in the order in which they ended."""
        for trial in trials:
            self.tell(trial)
        for rule in self._rules:
            rule.replayed()

    def tell(self, trial: Trial) -> None:
        """Record a trial that has ended."""
        if trial.counts:
            for rule in self._rules:
                rule.guards.learn(trial)
                rule.tell(trial)

    def reached(self) -> StopReason | None:
        """Return the first reason reached, or None. ERROR is kept only while no trial has succeeded."""
        ran_s = self._clock() - self._began
        if self._reason in (None, StopReason.ERROR):
            found = (rule.reason for rule in self._rules if rule.reached(ran_s=ran_s))
            self._reason = next(found, None)
        return self._reason


def no_success(study: Study, reason: StopReason) -> NoSuccess:
    """Return the error of a study that ended without a successful trial."""
    failed = [trial for trial in study.trials.values() if trial.error is not None]
    if not failed:
        limit = f" ({label(reason, study.spec)})" if study.spec else ""
        way_out = "raise that limit, or make a trial cheaper"
        if reason is StopReason.EARLY_STOP:
            way_out = "check what algo suggests"
        return NoSuccess(
            f"at least one trial must succeed, but none of {len(study.trials)} did before the study "
            f"ended{limit}; {way_out}"
        )
    # The attempts of adopted trials are another study's.
    own = [trial for trial in failed if trial.origin is not TrialOrigin.ADOPTED] or failed
    newest = max(trial.attempt for trial in own)
    first = min((trial for trial in own if trial.attempt == newest), key=lambda trial: trial.number).error
    shown = f"{first.message}\n{first.traceback or ''}".rstrip() if first else ""
    return NoSuccess(
        f"at least one trial must succeed, but all {len(failed)} that ended have failed, for example with: "
        f"{shown}"
    )


def no_feasible(study: Study) -> NoSuccess:
    """Return the error of a study in which no trial was within the guardrails."""
    guards = Guards(study.spec.rule) if study.spec else Guards(DecisionRule())
    ok = [trial for trial in study.searched if trial.state is TrialState.OK]
    closest = min(ok, key=guards.broken)
    metrics = [rail.metric for rail in guards.rule.guardrails if rail.metric in closest.metrics]
    values = ", ".join(f"{name} {number(closest.metrics[name])}" for name in metrics)
    return NoSuccess(
        f"at least one trial must be within retuning.guardrails, but none of {len(ok)} was; closest is trial "
        f"{closest.number}{f' with {values}' if values else ''}; widen the guardrails or the space"
    )
