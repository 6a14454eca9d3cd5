"""The result of a study: the summary for XCom, the shell and the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_sparktune.study.journal.bounds import printable
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.retuning.decision import Decision, Measured
from airflow_sparktune.study.rounded import number
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState


def iso(seconds: float | None) -> str | None:
    """Return seconds since 1970 as UTC text.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500+00:00'
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def count_by_state(study: Study) -> dict[str, int]:
    """Return the number of trials of the search in each state."""
    found = {state.value: 0 for state in TrialState}
    for trial in study.searched:
        found[trial.state.value] += 1
    return found


def summary(study: Study) -> dict[str, Any]:
    """Return a summary of the study as plain JSON: counts, the best trial, the reason for stopping, versions.

    `trials` and `counts` are those of the search; `repeats` is the number of trials of its confirmation.
    Durations are sums over all attempts. `timing` is how the drivers spent their time, in seconds: preparing
    (an executor, shared data), asking the sampler, writing the journal, waiting for a trial to end.
    `trials_s` is the run time of the trials, and `utilisation` its share of the slots' time. `slot_hours` is
    the slots' time, including idle slots; `last_improvement_slot_hours` is the part of it between the last
    two improvements of the best loss.

    If the search has measured that trials are noisy, the best trial is the one with the lowest expected loss,
    `best_loss` is this expectation, and `noise` the standard deviation of a single trial's loss.

    After a retuning, `best_params` go to production: those of the winner, or those that are there already.
    `best_loss` is then their mean loss over the repeats of the confirmation, None if they were not measured.

    With `maximize`, `best_score` is the score that belongs to `best_loss`, and in the confirmation each
    `mean_score` the one that belongs to `mean`; otherwise they are None.
    """
    spec, closed = study.spec, study.closed
    return {
        "objective": spec.objective if spec else None,
        "algo": spec.algo if spec else None,
        "maximize": spec.maximize if spec else None,
        "max_evals": spec.max_evals if spec else None,
        "seed": study.seed,
        "trials": len(study.searched),
        "counts": count_by_state(study),
        "repeats": len(study.trials) - len(study.searched),
        **_result(study),
        **_retuning(study),
        "stop_reason": closed.reason.value if closed else None,
        "error": dict(closed.error) if closed and closed.error else None,
        "attempts": len(study.attempts),
        "slots": study.slots,
        "started": iso(study.attempts[0].opened) if study.attempts else None,
        "ended": iso(closed.at) if closed else None,
        "elapsed_s": round(study.elapsed_s, 3),
        "trials_s": round(study.trials_s, 3),
        "slot_hours": round(study.slots_s / 3600, 4),
        "last_improvement_slot_hours": round(study.last_improvement_s / 3600, 4),
        "utilisation": round(min(study.trials_s / study.slots_s, 1.0), 4) if study.slots_s else None,
        "timing": study.timing,
        "code": spec.code if spec else None,
        "versions": dict(study.versions),
    }


def best_text(study: Study) -> str | None:
    """Return the best loss, its trial and the noise in one line, or None without a successful trial.

    Example: "0.0342 (trial 57; expected, single trials vary by ± 0.004)".
    """
    found = _result(study)
    shown = study.metric.shown(found["best_loss"])
    if shown is None:
        return None
    noise = "" if found["noise"] is None else f"; expected, single trials vary by ± {found['noise']:.2g}"
    return f"{number(shown)} (trial {found['best_number']}{noise})"


def decision_text(study: Study) -> str | None:
    """Return the decision of a retuning in one line, or None before the decision."""
    decision = study.decision
    if decision is None:
        return None
    return printable(f"{decision.outcome.value}: {decision.reason}")


def cost_text(study: Study) -> str | None:
    """Return the cost of a study's slots in one line; None if it is too small to matter."""
    hours, last = study.slots_s / 3600, study.last_improvement_s / 3600
    if hours < 0.005:
        return None
    used = min(study.trials_s / study.slots_s, 1.0)
    return f"{hours:.3g} slot-hours, {used:.0%} used by trials; {last:.3g} for the last improvement"


def _result(study: Study) -> dict[str, Any]:
    """Return the best configuration: the one decided on by a retuning, else that of the best trial."""
    best, decision = study.best, study.decision
    noise = None
    if decision is not None:
        which, loss, params = decision.number, decision.loss, decision.params
    elif best is not None:
        which, loss, params = best.number, study.best_loss, best.params
        noise = study.recommended.noise if study.recommended else None
    else:
        which = loss = params = None
    trial = study.trials.get(which) if which is not None else None
    return {
        "best_number": which,
        "best_loss": loss,
        "best_score": study.metric.score(loss),
        "best_params": params,
        "best_point": dict(trial.point) if trial else None,
        "noise": noise,
    }


def _retuning(study: Study) -> dict[str, Any]:
    decision = study.decision
    return {
        "segment": study.spec.segment if study.spec else None,
        "decision": decision.outcome.value if decision else None,
        "decision_reason": decision.reason if decision else None,
        "confirmation": _confirmation(decision, study.metric) if decision else None,
    }


def _confirmation(decision: Decision, metric: Metric) -> dict[str, Any]:
    """Return the evidence for a decision."""

    def measured(item: Measured) -> dict[str, Any]:
        return {**item.to_json(), "mean_score": metric.score(item.mean)}

    return {
        "incumbent": measured(decision.incumbent) if decision.incumbent else None,
        "candidates": [measured(item) for item in decision.candidates],
        "noise": decision.noise,
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return a trial as `sparktune show --json` prints it; times are UTC text, durations seconds."""
    return {
        "number": trial.number,
        "params": trial.params,
        "loss": trial.loss,
        "state": trial.state.value,
        "start": iso(trial.start),
        "end": iso(trial.end),
        "run_s": trial.run_s,
        "slot": trial.slot,
        "attempt": trial.attempt,
        "origin": trial.origin.value,
        "suggested_by": trial.suggested_by,
        "purpose": trial.purpose.value,
        "repeats": trial.repeats,
        "repeat": trial.repeat,
        "error": trial.error.to_json() if trial.error else None,
        "info": dict(trial.info),
    }
