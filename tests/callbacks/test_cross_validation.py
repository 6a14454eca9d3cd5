"""A cross-validation by scikit-learn reports fold by fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from airflow_sparktune import TrialPruned, current_trial
from airflow_sparktune.callbacks import cross_validate
from airflow_sparktune.driver.pruners.base import Curves
from airflow_sparktune.driver.pruners.folds import FoldsPruner
from airflow_sparktune.executor.objective import TrialContext

TREE = DecisionTreeClassifier(max_depth=2, random_state=0)
WINE = load_wine(return_X_y=True)


def running_means(values: Any) -> dict[int, float]:
    return {count: fmean(values[:count]) for count in range(1, len(values) + 1)}


@pytest.mark.parametrize(
    ("estimator", "data", "options"),
    [
        pytest.param(TREE, WINE, {}, id="accuracy, stratified folds"),
        pytest.param(TREE, WINE, {"scoring": "neg_log_loss", "cv": 3}, id="a named score"),
        pytest.param(Ridge(), load_diabetes(return_X_y=True), {}, id="R2, folds in order"),
        pytest.param(TREE, load_wine(return_X_y=True, as_frame=True), {}, id="data frames"),
        pytest.param(TREE, WINE, {"cv": KFold(4, shuffle=True, random_state=1)}, id="a splitter"),
        pytest.param(
            TREE, WINE, {"cv": GroupKFold(3), "groups": np.arange(178) % 7}, id="a splitter that needs groups"
        ),
        pytest.param(TREE, WINE, {"params": {"sample_weight": np.arange(178.0)}}, id="weights of the rows"),
    ],
)
def test_the_folds_are_those_of_scikit_learn(
    trial: Any, reports: Any, estimator: Any, data: Any, options: dict[str, Any]
) -> None:
    expected = -cross_val_score(estimator, *data, **options)
    assert cross_validate(estimator, *data, trial=trial, **options) == pytest.approx(fmean(expected))
    assert reports.losses == pytest.approx(running_means(expected))


def test_a_study_that_maximises_gets_the_score(trial: Any, reports: Any) -> None:
    score = cross_validate(TREE, *WINE, trial=replace(trial, maximize=True))
    assert 0.8 < score < 1
    assert reports.losses[5] == score


def test_a_pruned_trial_fits_no_further_fold(trial: Any, reports: Any) -> None:
    reports.stop = 2
    with pytest.raises(TrialPruned):
        cross_validate(TREE, *WINE, trial=trial)
    assert list(reports.losses) == [1, 2]


def test_the_estimator_itself_is_not_fitted(trial: Any) -> None:
    model = DummyRegressor()
    cross_validate(model, *load_diabetes(return_X_y=True), trial=trial)
    assert not hasattr(model, "constant_")


def test_the_error_of_a_fold_ends_the_trial(trial: Any) -> None:
    with pytest.raises(ValueError, match="alpha"):
        cross_validate(Ridge(alpha=-1.0), *load_diabetes(return_X_y=True), trial=trial)


def test_it_works_without_a_study() -> None:
    assert cross_validate(TREE, *WINE, trial=current_trial()) < -0.8


class Driver:
    """Takes the reports of one trial, and prunes it by its folds."""

    def __init__(self, number: int, curves: Curves) -> None:
        self._number = number
        self._curves = curves

    def report(self, step: int, loss: float, metrics: Mapping[str, float]) -> None:
        self._curves.add(self._number, step, loss)
        if FoldsPruner().stops(self._number, step, self._curves):
            raise TrialPruned


def test_the_pruner_of_folds_reads_its_reports() -> None:
    curves = Curves()
    first, second = (TrialContext(number, 0, 1, 1, reporter=Driver(number, curves)) for number in (0, 1))
    cross_validate(TREE, *WINE, trial=first)
    curves.finished.add(0)
    with pytest.raises(TrialPruned):
        cross_validate(DummyClassifier(), *WINE, trial=second)
    assert list(curves.losses(1)) == [1, 2, 3]
