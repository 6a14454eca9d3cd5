"""Report a cross-validation by scikit-learn fold by fold."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_sparktune.executor.objective import TrialContext


def cross_validate(
    estimator: Any,
    x: Any,
    y: Any = None,
    *,
    trial: TrialContext,
    scoring: Any = None,
    cv: Any = 5,
    groups: Any = None,
    params: Mapping[str, Any] | None = None,
) -> float:
    """Fit and score copies of an estimator fold by fold, and return their mean loss.

    After each fold, report the mean of the folds so far to `trial`. `scoring`, `cv`, `groups` and `params`
    are those of scikit-learn's `cross_val_score`. In its scores more is better, so the loss is the negated
    score: "neg_log_loss" gives the log loss, "accuracy" the negated accuracy. In a study that maximises,
    report and return the score itself. A fold that raises ends the trial.

    Folds are compared between trials, so all trials must have the same ones: give a splitter that shuffles a
    fixed `random_state`, not the trial's seed.
    """
    from sklearn.base import is_classifier
    from sklearn.model_selection import check_cv, cross_val_score

    losses: list[float] = []
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    for number, fold in enumerate(splitter.split(x, y, groups), start=1):
        (score,) = cross_val_score(
            estimator, x, y, scoring=scoring, cv=[fold], params=params, error_score="raise"
        )
        losses.append(float(score) if trial.maximize else -float(score))
        trial.report(number, fmean(losses))
    return fmean(losses)
