"""What a tracker records of a study and its trials, as flat names and values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_sparktune.study.result import summary
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialPurpose, TrialState


def study_key(study: Study) -> str:
    """What tells a study from all others, wherever its folder is seen from: how its first attempt began."""
    first = study.attempts[0]
    return digest([first.opened, first.host, first.pid, study.seed])


def digest(value: Any) -> str:
    """A short hash of plain JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def result_digest(trial: Trial) -> str:
    """A hash of what became of a trial; a field that a later version adds does not change it."""
    return digest([trial.state.value, trial.loss, trial.end])


def flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects, named by their path; an unnamed value is called `value`.

    >>> dict(flat({"svm": {"C": 1.0, "kernels": ["rbf"]}, "seed": 3}))
    {'svm.C': 1.0, 'svm.kernels': ['rbf'], 'seed': 3}
    """
    if isinstance(values, Mapping):  # an empty one has no leaves
        for key, value in values.items():
            yield from flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name or "value", values


def text(value: Any) -> str:
    """A value as text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def trial_name(trial: Trial) -> str:
    """What people call the trial."""
    if trial.purpose is TrialPurpose.SEARCH:
        return f"trial {trial.number}"
    return f"repeat {trial.repeat} of trial {trial.repeats}"


def params(trial: Trial) -> dict[str, str]:
    """The trial's hyperparameters as text."""
    return {name: text(value) for name, value in flat(trial.params)}


def metrics(trial: Trial) -> dict[str, float]:
    """The loss, the objective's running time in seconds, and every number that the objective returned."""
    known = {"loss": trial.loss, "run_s": trial.run_s}
    given = {name: value for name, value in flat(trial.info) if _is_number(value)}
    return {**given, **{name: value for name, value in known.items() if value is not None}}


def facts(trial: Trial) -> dict[str, str]:
    """The rest of the trial as text: state, origin, attempt, error, and what it returned beside numbers."""
    found = {"state": trial.state.value, "origin": trial.origin.value, "attempt": str(trial.attempt)}
    if trial.purpose is not TrialPurpose.SEARCH:
        found |= {
            "purpose": trial.purpose.value,
            "repeats": text(trial.repeats),
            "repeat": text(trial.repeat),
        }
    if trial.error is not None:
        found["error"] = trial.error.message
    given = {f"info.{name}": text(value) for name, value in flat(trial.info) if not _is_number(value)}
    return {**given, **found}


def settings(study: Study) -> dict[str, str]:
    """What the study was asked for, as text: the spec's keys, its space in one."""
    if study.spec is None:
        return {}
    spec = {**study.spec.to_json(), "seed": study.seed}
    return {name: text(value) for name, value in spec.items() if value not in (None, {})}


def improvements(study: Study) -> list[tuple[int, Trial]]:
    """Each trial of the search that was the best when it ended, and how many of them had ended by then."""
    found: list[tuple[int, Trial]] = []
    best = float("inf")
    searched = [trial for trial in study.ended if trial.purpose is TrialPurpose.SEARCH]
    for count, trial in enumerate(searched, start=1):
        if trial.state is TrialState.OK and trial.loss is not None and trial.loss < best:
            best = trial.loss
            found.append((count, trial))
    return found


def totals(study: Study) -> dict[str, float]:
    """The study's numbers once it has ended: trials in each state, seconds, the use of its slots.

    Of a retuning also the mean losses over the confirmation's repeats: of the incumbent, and of what goes to
    production.
    """
    told = summary(study)
    numbers = {name: told[name] for name in ("elapsed_s", "trials_s", "utilisation", "slots", "attempts")}
    numbers |= {f"trials_{state}": count for state, count in told["counts"].items()}
    if study.decision is not None:
        incumbent = study.decision.incumbent
        numbers |= {"production_loss": study.decision.loss, "incumbent_loss": incumbent and incumbent.mean}
    return {name: value for name, value in numbers.items() if value is not None}


def outcome(study: Study) -> dict[str, str]:
    """How the study ended, as text: why it stopped, its best trial or what it decided on, its error."""
    told = summary(study)
    names = ("stop_reason", "best_number", "best_params", "segment", "decision", "decision_reason")
    found = {name: told[name] for name in names}
    if study.starts is not None and study.starts.incumbent is not None:
        found["incumbent_params"] = study.starts.incumbent.params
    if told["error"] is not None:
        found["error"] = told["error"].get("message")
    return {name: text(value) for name, value in found.items() if value is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
