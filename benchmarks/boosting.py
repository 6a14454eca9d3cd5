"""A real workload: LightGBM on the breast cancer data that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

BOOSTING: Mapping[str, Any] = {
    "objective": "benchmarks.boosting:validation_loss",
    "objective_kwargs": {},
    "space": {
        "learning_rate": {"loguniform": [1e-3, 0.5]},
        "n_estimators": {"uniformint": [20, 150]},
        "num_leaves": {"uniformint": [3, 48]},
        "min_child_samples": {"uniformint": [2, 60]},
        "subsample": {"uniform": [0.4, 1.0]},
        "colsample_bytree": {"uniform": [0.2, 1.0]},
        "reg_lambda": {"loguniform": [1e-4, 100.0]},
        "boosting": {
            "choice": [
                {"boosting_type": "gbdt"},
                {"boosting_type": "dart", "drop_rate": {"uniform": [0.02, 0.5]}},
            ]
        },
    },
}
_FOLDS = 4


@cache
def data() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the features and classes of 569 tumours."""
    from sklearn.datasets import load_breast_cancer

    features, classes = load_breast_cancer(return_X_y=True)
    return features, classes


def validation_loss(params: Mapping[str, Any]) -> float:
    """Return the cross-validated negative log-likelihood."""
    from lightgbm import LGBMClassifier
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    settings = {**params, **params["boosting"]}
    del settings["boosting"]
    model = LGBMClassifier(
        **settings, subsample_freq=1, n_jobs=1, verbose=-1, random_state=0, deterministic=True
    )
    features, classes = data()
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, features, classes, cv=folds, method="predict_proba")
    return float(log_loss(classes, scores))
