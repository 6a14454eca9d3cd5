"""The result of a study: a summary, which XCom, the shell, the page, MLflow and lineage show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.result.rows import iso
from airflow_sparktune.study.result.slot_use import slot_use
from airflow_sparktune.study.retuning.decision import Decision
from airflow_sparktune.study.stopping import StopReason, label, left_to_gain
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A study in plain values: counts, the best configuration, the reason for stopping, cost, versions.

    This is the only statement of what is best. It is the trial of the search with the lowest loss, or with
    the lowest expected loss if the search has measured that trials are noisy; never one that violates a
    guardrail. After the decision of a retuning, it is the configuration for production: that of the winner,
    or the one that is there already. `best_loss` is then the confirmed one, else the expected one of noisy
    trials, else the trial's own.

    `trials` and `counts` are those of the search; `repeats` is the number of trials of its confirmation.
    Durations are sums over all attempts. `timing` is how the drivers spent their time, in seconds: preparing
    (an executor, shared data), asking the sampler, writing the journal, waiting for a trial to end.
    `trials_s` is the run time of the trials that have ended, `best_after_s` the running time until the best
    one ended. `reserved_slot_hours` is the time of the slots that the study has reserved, `used_slot_hours`
    the part in which trials ran, and `utilisation` its share; both are None for trials on the driver.
    `last_improvement_slot_hours` is the reserved time between the last two improvements of the lowest loss.
    `saved_slot_hours` estimates what pruning saved: for each pruned trial, the mean run time of the completed
    trials minus its own, at least 0. It is None if no trial was pruned, or none completed.

    `lowest_loss` is the lowest loss of the search, that of trial `lowest_number`, and `lowest_within` whether
    the guardrails hold for it. `noise` is the standard deviation of a single trial's loss. `end` says why the
    study ended, in words.
    """

    objective: str | None
    algo: str | None
    maximize: str | None
    max_evals: int | None
    seed: int | None
    trials: int
    counts: dict[str, int]
    repeats: int
    best_number: int | None
    best_loss: float | None
    best_params: Any
    best_point: Mapping[str, Any] | None
    best_after_s: float | None
    lowest_number: int | None
    lowest_loss: float | None
    lowest_within: bool | None
    expected_loss: float | None
    noise: float | None
    segment: str | None
    decision: Decision | None
    stop_reason: str | None
    end: str | None
    error: Mapping[str, Any] | None
    attempts: int
    slots: int | None
    started: str | None
    ended: str | None
    elapsed_s: float
    trials_s: float
    reserved_slot_hours: float
    used_slot_hours: float | None
    last_improvement_slot_hours: float
    saved_slot_hours: float | None
    utilisation: float | None
    timing: Mapping[str, float]
    code: str | None
    versions: Mapping[str, str]

    @property
    def metric(self) -> Metric:
        """Return the metric that the objective returns."""
        return Metric.of(self.maximize)

    @property
    def confirmed_loss(self) -> float | None:
        """Return the mean loss over the repeats of a confirmation; None if it was not measured."""
        return self.decision.loss if self.decision else None

    @property
    def best_score(self) -> float | None:
        """Return the score that belongs to `best_loss`; None if the objective returns losses."""
        return self.metric.score(self.best_loss)

    @property
    def outcome(self) -> str | None:
        """Return the effect of a retuning on production; None before its decision."""
        return self.decision.outcome.value if self.decision else None

    @property
    def reason(self) -> str | None:
        """Return the reason for the decision of a retuning; None before it."""
        return self.decision.reason if self.decision else None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON, for XCom and the shell.

        With `maximize`, each `mean_score` of the confirmation belongs to `mean`; otherwise it is None.
        """
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "confirmed_loss": self.confirmed_loss,
            "best_score": self.best_score,
            "decision": self.outcome,
            "decision_reason": self.reason,
            "confirmation": _confirmation(self.decision, self.metric) if self.decision else None,
        }

    def cut_off(self) -> Summary:
        """Return this summary for a study that no driver runs: trials without an end were cut off."""
        running, cancelled = TrialState.RUNNING.value, TrialState.CANCELLED.value
        counts = {**self.counts, running: 0, cancelled: self.counts[cancelled] + self.counts[running]}
        return replace(self, counts=counts)


def summary(study: Study, *, now: float | None = None) -> Summary:
    """Return the summary of a study up to its last event, or up to `now` if its driver is known to run."""
    spec, closed, searched = study.spec, study.closed, study.searched
    ended = Counter(trial.state for trial in searched)
    result = best_of_search(study) if study.decision is None else study.decision
    trial = study.trials.get(result.number) if result and result.number is not None else None
    # The search's expectation is about the trial that it recommends, and about no other.
    recommended = study.recommended if result is study.best else None
    losses = [
        each.loss for each in (recommended, result, trial) if each is not None and each.loss is not None
    ]
    use = slot_use(study, now=now)
    return Summary(
        objective=spec.objective if spec else None,
        algo=spec.algo if spec else None,
        maximize=spec.maximize if spec else None,
        max_evals=spec.max_evals if spec else None,
        seed=study.seed,
        trials=len(searched),
        counts={state.value: ended[state] for state in TrialState},
        repeats=len(study.trials) - len(searched),
        best_number=result.number if result else None,
        best_loss=next(iter(losses), None),
        best_params=result.params if result else None,
        best_point=dict(trial.point) if trial else None,
        best_after_s=round(study.changed_s[trial.number], 3) if trial and trial.loss is not None else None,
        lowest_number=study.lowest.number if study.lowest else None,
        lowest_loss=study.lowest.loss if study.lowest else None,
        lowest_within=study.guards.hold(study.lowest) if study.lowest else None,
        expected_loss=recommended.loss if recommended else None,
        noise=recommended.noise if recommended else None,
        segment=spec.segment if spec else None,
        decision=study.decision,
        stop_reason=closed.reason.value if closed else None,
        end=_end(study),
        error=dict(closed.error) if closed and closed.error else None,
        attempts=len(study.attempts),
        slots=study.slots,
        started=iso(study.attempts[0].opened) if study.attempts else None,
        ended=iso(closed.at) if closed else None,
        elapsed_s=round(use.ran_s, 3),
        trials_s=round(study.trials_s, 3),
        reserved_slot_hours=round(use.reserved_s / 3600, 4),
        used_slot_hours=None if use.used_s is None else round(use.used_s / 3600, 4),
        last_improvement_slot_hours=round(study.last_improvement_s / 3600, 4),
        saved_slot_hours=_saved_slot_hours(searched),
        utilisation=None
        if use.used_s is None or not use.reserved_s
        else round(use.used_s / use.reserved_s, 4),
        timing=study.timing,
        code=spec.code if spec else None,
        versions=dict(study.versions),
    )


def best_of_search(study: Study) -> Trial | None:
    """Return the recommended trial or the one with the lowest loss, of those within the guardrails.

    The means of several runs are for the confirmation.
    """
    best, guards = study.best, study.guards
    if best is None or guards.hold(best):
        return best
    within = (trial for trial in study.searched if trial.state is TrialState.OK and guards.hold(trial))
    return min(within, key=lambda trial: trial.rank, default=None)


def _saved_slot_hours(searched: Iterable[Trial]) -> float | None:
    """Return the slot-hours that pruning saved, without those of trials adopted from another study."""
    own = [trial for trial in searched if trial.origin is not TrialOrigin.ADOPTED]
    completed = [trial.took_s for trial in own if trial.state is TrialState.OK]
    pruned = [trial.took_s for trial in own if trial.state is TrialState.PRUNED]
    if not completed or not pruned:
        return None
    mean_s = sum(completed) / len(completed)
    return round(sum(max(mean_s - took_s, 0.0) for took_s in pruned) / 3600, 4)


def _end(study: Study) -> str | None:
    """Return why a study ended, in words; None if it has not."""
    if study.closed is None or study.spec is None:
        return None
    if study.closed.error is not None:
        message = str(study.closed.error.get("message", "")).strip()
        return f"failed: {message.partition(chr(10))[0]}" if message else "failed"
    left = left_to_gain(study.ended_trials) if study.closed.reason is StopReason.CONVERGED else ""
    return label(study.closed.reason, study.spec) + left


def _confirmation(decision: Decision, metric: Metric) -> Any:
    """Return the evidence for a decision; each mean loss with its score."""
    found = decision.to_json()["confirmation"]
    for measured in filter(None, (found["incumbent"], *found["candidates"])):
        measured["mean_score"] = metric.score(measured["mean"])
    return found
