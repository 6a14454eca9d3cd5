"""The best trial of a search."""

from __future__ import annotations

from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState


def best_of_search(study: Study) -> Trial | None:
    """Return the recommended trial or the one with the lowest loss, of those within the guardrails.

    The means of several runs are for the confirmation.
    """
    best = study.best
    if best is None or study.spec is None:
        return best
    guards = Guards.of(study.spec.rule, study.searched)
    if guards.hold(best):
        return best
    within = (trial for trial in study.searched if trial.state is TrialState.OK and guards.hold(trial))
    return min(within, key=lambda trial: trial.rank, default=None)
