"""The data that a tracker records about a study and its trials, as flat names and values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from airflow_sparktune.study.curve import Curve
from airflow_sparktune.study.json_values import flat
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose, improving


def study_key(study: Study) -> str:
    """Return a key of the study that does not depend on its address, made from its first Opened event."""
    first = study.attempts[0]
    # One driver opens the studies of many segments.
    segment = [study.spec.segment] if study.spec is not None and study.spec.segment is not None else []
    return digest([first.opened, first.host, first.pid, study.seed, *segment])


def digest(value: Any) -> str:
    """Return a short hash of plain JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def result_digest(trial: Trial) -> str:
    """Return a hash of a trial's result; fields of later versions do not change it."""
    return digest([trial.state.value, trial.loss, trial.end])


def text(value: Any) -> str:
    """Return a string unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def params(trial: Trial) -> dict[str, str]:
    """Return the trial's hyperparameters as text."""
    return {name: text(value) for name, value in flat(trial.params)}


def metrics(trial: Trial, metric: Metric) -> dict[str, float]:
    """Return the loss or score, the objective's run time in seconds, and the other numbers it returned."""
    known = {metric.name: metric.shown(trial.loss), "run_s": trial.run_s}
    return {**trial.metrics, **{name: value for name, value in known.items() if value is not None}}


def reports(curve: Curve, metric: Metric, *, most: int) -> list[tuple[str, float, int]]:
    """Return what a trial reported as name, value and step: about `most` values, at evenly spaced steps.

    The names begin with `reported_`, because the loss of a trial need not be the last one that it reported.
    """
    names = {name for each in curve.metrics for name in each}
    thin = curve.thinned(max(most // (1 + len(names)), 2))
    rows = zip(thin.steps, thin.losses, thin.metrics, strict=True)
    return [
        (f"reported_{name}", value, step)
        for step, loss, more in rows
        for name, value in {**more, metric.name: metric.shown(loss)}.items()
    ]


def facts(trial: Trial) -> dict[str, str]:
    """Return the trial's other facts as text: state, origin, attempt, error, and returned non-numbers."""
    found = {"state": trial.state.value, "origin": trial.origin.value, "attempt": str(trial.attempt)}
    if trial.purpose is not TrialPurpose.SEARCH:
        found |= {
            "purpose": trial.purpose.value,
            "repeats": text(trial.repeats),
            "repeat": text(trial.repeat),
        }
    if trial.error is not None:
        found["error"] = trial.error.message
    numbers = trial.metrics
    given = (item for item in flat(trial.info) if item[0] not in numbers)
    return {**{f"info.{name}": text(value) for name, value in given}, **found}


def settings(study: Study) -> dict[str, str]:
    """Return the spec of the study as text by key; the space is one value."""
    if study.spec is None:
        return {}
    spec = {**study.spec.values(), "seed": study.seed}
    return {name: text(value) for name, value in spec.items() if value not in (None, {})}


def improvements(study: Study) -> list[tuple[int, Trial]]:
    """Return each trial that improved the lowest loss, with the number of trials that had ended by then."""
    searched = [trial for trial in study.ended_trials if trial.purpose is TrialPurpose.SEARCH]
    better = {trial.number for trial in improving(searched)}
    return [(count, trial) for count, trial in enumerate(searched, start=1) if trial.number in better]


def totals(study: Study) -> dict[str, float]:
    """Return the numbers of an ended study: trials per state, seconds, utilisation of the slots.

    Also the best loss or score, and if trials are noisy, the noise of a single one. After a retuning, also
    the mean loss or score over the repeats of the incumbent.
    """
    found = summary(study)
    metric, decision = found.metric, found.decision
    incumbent = decision.incumbent if decision else None
    numbers = {
        "elapsed_s": found.elapsed_s,
        "best_after_s": found.best_after_s,
        "trials_s": found.trials_s,
        "reserved_slot_hours": found.reserved_slot_hours,
        "used_slot_hours": found.used_slot_hours,
        "saved_slot_hours": found.saved_slot_hours,
        "utilisation": found.utilisation,
        "slots": found.slots,
        "attempts": found.attempts,
        "noise": found.noise,
        **{f"trials_{state}": count for state, count in found.counts.items()},
        f"best_{metric.name}": metric.shown(found.best_loss),
        f"incumbent_{metric.name}": metric.shown(incumbent.mean) if incumbent else None,
    }
    return {name: value for name, value in numbers.items() if value is not None}


def outcome(study: Study) -> dict[str, str]:
    """Return how the study ended, as text: the stop reason, the best trial or the decision, the error."""
    found = summary(study)
    incumbent = study.starts.incumbent if study.starts else None
    values = {
        "stop_reason": found.stop_reason,
        "best_number": found.best_number,
        "best_params": found.best_params,
        "segment": found.segment,
        "decision": found.outcome,
        "decision_reason": found.reason,
        "incumbent_params": incumbent.params if incumbent else None,
        "error": found.error.get("message") if found.error else None,
    }
    return {name: text(value) for name, value in values.items() if value is not None}
