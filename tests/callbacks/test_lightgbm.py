"""LightGBM's trainings report their losses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightgbm
import pytest
from sklearn.datasets import load_breast_cancer

from airflow_sparktune import TrialPruned
from airflow_sparktune.callbacks import report_lightgbm

X, Y = load_breast_cancer(return_X_y=True)
PARAMS = {"objective": "binary", "num_leaves": 4, "num_threads": 1, "verbose": -1}


def train(*callbacks: Any, rounds: int = 25, metric: Any = "binary_logloss", name: str = "valid_0") -> Any:
    """Train with the training data among the data that is evaluated; return all evaluations."""
    fit = lightgbm.Dataset(X[:400], Y[:400])
    valid = lightgbm.Dataset(X[400:], Y[400:], reference=fit)
    found: dict[str, Any] = {}
    lightgbm.train(
        {**PARAMS, "metric": metric},
        fit,
        rounds,
        valid_sets=[fit, valid],
        valid_names=["training", name],
        callbacks=[*callbacks, lightgbm.record_evaluation(found)],
    )
    return found


def test_every_tenth_round_reports_the_validation_loss(trial: Any, reports: Any) -> None:
    losses = train(report_lightgbm(trial))["valid_0"]["binary_logloss"]
    assert reports.losses == {10: losses[9], 20: losses[19]}


def test_each_round_reports_if_asked(trial: Any, reports: Any) -> None:
    losses = train(report_lightgbm(trial, every=1), rounds=3)["valid_0"]["binary_logloss"]
    assert reports.losses == dict(enumerate(losses, start=1))


def test_a_metric_of_which_more_is_better_is_negated(trial: Any, reports: Any) -> None:
    scores = train(report_lightgbm(trial), metric="auc")["valid_0"]["auc"]
    assert reports.losses[20] == -scores[19]


def test_a_study_that_maximises_gets_scores(trial: Any, reports: Any) -> None:
    scores = train(report_lightgbm(replace(trial, maximize=True)), metric="auc")["valid_0"]["auc"]
    assert reports.losses[20] == scores[19]


def test_a_study_that_maximises_gets_a_negated_loss(trial: Any, reports: Any) -> None:
    losses = train(report_lightgbm(replace(trial, maximize=True)))["valid_0"]["binary_logloss"]
    assert reports.losses[20] == -losses[19]


@pytest.mark.parametrize("dataset", ["mine", "training"])
def test_data_and_metric_can_be_named(trial: Any, reports: Any, dataset: str) -> None:
    callback = report_lightgbm(trial, dataset=dataset, metric="binary_error")
    found = train(callback, metric=["binary_logloss", "binary_error"], name="mine")
    assert reports.losses[20] == found[dataset]["binary_error"][19]


def test_the_estimators_of_lightgbm_take_it(trial: Any, reports: Any) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=4, n_jobs=1, verbose=-1)
    model.fit(X[:400], Y[:400], eval_X=X[400:], eval_y=Y[400:], callbacks=[report_lightgbm(trial)])
    losses = model.evals_result_["valid_0"]["binary_logloss"]
    assert reports.losses == {10: losses[9], 20: losses[19]}


@pytest.mark.parametrize("of_training", [False, True])
def test_a_cross_validation_reports_the_mean_of_its_folds(
    trial: Any, reports: Any, of_training: bool
) -> None:
    found = lightgbm.cv(
        {**PARAMS, "metric": "auc"},
        lightgbm.Dataset(X, Y),
        20,
        callbacks=[report_lightgbm(trial)],
        eval_train_metric=of_training,
    )
    assert reports.losses[20] == -found["valid auc-mean"][19]


def test_a_pruned_trial_trains_no_further_round(trial: Any, reports: Any) -> None:
    reports.stop = 20
    seen: list[int] = []
    with pytest.raises(TrialPruned):
        train(report_lightgbm(trial), lambda env: seen.append(env.iteration), rounds=100)
    assert list(reports.losses) == [10, 20]
    assert len(seen) < 21


def test_the_round_at_which_lightgbm_stops_is_reported(trial: Any, reports: Any) -> None:
    metric = train(report_lightgbm(trial, every=1), lightgbm.early_stopping(3, verbose=False), rounds=1_000)
    assert list(reports.losses.values()) == metric["valid_0"]["binary_logloss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "l2"}, r"evaluate l2 on validation data, .* got auc on training, auc on valid_0; give"),
        ({"dataset": "test"}, r"evaluate a metric on test, .* got auc on training, auc on valid_0; give"),
    ],
)
def test_an_evaluation_that_is_missing_is_an_error(trial: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(report_lightgbm(trial, **options), metric="auc")


def test_validation_data_is_needed(trial: Any) -> None:
    with pytest.raises(ValueError, match=r"got no evaluation; give the data to train as valid_sets"):
        lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 20, callbacks=[report_lightgbm(trial)])


def test_every_must_be_positive(trial: Any) -> None:
    with pytest.raises(ValueError, match="every must be at least 1, got 0; 1 reports each round"):
        report_lightgbm(trial, every=0)
