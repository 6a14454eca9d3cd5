"""The trainings that are recorded: a space of configurations, and the losses that one of them reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_sparktune.space import choice, loguniform, uniform, uniformint
from benchmarks.early_stopping.tables import Array, table

Params = Mapping[str, Any]
ROUNDS, EVERY, EPOCHS, FOLDS = 100, 5, 27, 5


@dataclass(frozen=True, slots=True)
class Training:
    """A `space`, and the losses by step of a configuration on a table, lower is better."""

    space: Mapping[str, Any]
    losses: Callable[[str, Params], Iterator[float]]
    steps: int


def _boosting(name: str, params: Params) -> list[float]:
    """Return the lowest validation loss so far after each fifth round, as with LightGBM's early stopping."""
    import lightgbm

    x, y, valid_x, valid_y = _parts(name)
    numbers = y.dtype.kind == "f"
    fixed = {
        "objective": "regression" if numbers else "binary",
        "metric": "l2" if numbers else "binary_logloss",
    }
    train = lightgbm.Dataset(x, y, params={"max_bin": 63})
    found: dict[str, Any] = {}
    lightgbm.train(
        {
            **fixed,
            "num_threads": 1,
            "verbose": -1,
            "subsample_freq": 1,
            "deterministic": True,
            "seed": 0,
            **params,
        },
        train,
        ROUNDS,
        valid_sets=[lightgbm.Dataset(valid_x, valid_y, reference=train)],
        callbacks=[lightgbm.record_evaluation(found)],
    )
    lowest = np.minimum.accumulate(found["valid_0"][fixed["metric"]])
    return [float(loss) for loss in lowest[EVERY - 1 :: EVERY]]


def _network(name: str, params: Params) -> Iterator[float]:
    """Yield the validation loss of a small network after each epoch."""
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    x, y, valid_x, valid_y = _parts(name)
    scaler, classes = StandardScaler().fit(x), np.unique(y)
    x, valid_x = scaler.transform(x), scaler.transform(valid_x)
    settings = {**params, "batch_size": 2 ** params["batch_size"], "hidden_layer_sizes": (params["hidden"],)}
    del settings["hidden"]
    model = MLPClassifier(**settings, random_state=0)
    for _ in range(EPOCHS):
        model.partial_fit(x, y, classes=classes)
        yield float(log_loss(valid_y, np.clip(model.predict_proba(valid_x), 1e-6, 1), labels=classes))


def _forest(name: str, params: Params) -> Iterator[float]:
    from sklearn.ensemble import RandomForestClassifier

    return _folds(name, RandomForestClassifier(30, random_state=0, **params), "neg_log_loss")


def _vectors(name: str, params: Params) -> Iterator[float]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    return _folds(name, make_pipeline(StandardScaler(), SVR(**params)), "neg_mean_squared_error")


def _folds(name: str, model: Any, scoring: str) -> Iterator[float]:
    """Yield the mean loss of the folds so far."""
    from sklearn.base import clone
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import KFold

    x, y = table(name)
    x, y, total = x[:700], y[:700], 0.0
    for count, (train, valid) in enumerate(KFold(FOLDS).split(x), start=1):
        total -= get_scorer(scoring)(clone(model).fit(x[train], y[train]), x[valid], y[valid])
        yield total / count


def _parts(name: str) -> tuple[Array, Array, Array, Array]:
    x, y = table(name)
    half = len(x) * 3 // 5
    return x[:half], y[:half], x[half:], y[half:]


BOOSTING = Training(
    {
        "learning_rate": loguniform(0.005, 0.5),
        "num_leaves": uniformint(3, 63),
        "min_child_samples": uniformint(2, 60),
        "subsample": uniform(0.4, 1.0),
        "colsample_bytree": uniform(0.2, 1.0),
        "reg_lambda": loguniform(1e-4, 100.0),
    },
    _boosting,
    ROUNDS // EVERY,
)
NETWORK = Training(
    {
        "learning_rate_init": loguniform(1e-4, 0.3),
        "hidden": uniformint(8, 96),
        "alpha": loguniform(1e-6, 3.0),
        "batch_size": uniformint(5, 8),
        "solver": choice(["adam", "sgd"]),
        "activation": choice(["relu", "tanh"]),
    },
    _network,
    EPOCHS,
)
FOREST = Training(
    {
        "max_depth": uniformint(1, 16),
        "max_features": uniform(0.05, 1.0),
        "min_samples_leaf": uniformint(1, 30),
        "max_samples": uniform(0.1, 1.0),
        "criterion": choice(["gini", "entropy"]),
    },
    _forest,
    FOLDS,
)
VECTORS = Training(
    {"C": loguniform(1e-3, 300.0), "gamma": loguniform(1e-4, 3.0), "epsilon": uniform(0.0, 1.0)},
    _vectors,
    FOLDS,
)
TRAININGS: Mapping[str, tuple[Training, str]] = {
    "boosting_cells": (BOOSTING, "cells"),
    "network_digits": (NETWORK, "digits"),
    "forest_cells": (FOREST, "cells"),
    "boosting_churn": (BOOSTING, "churn"),
    "boosting_computers": (BOOSTING, "computers"),
    "network_mnist": (NETWORK, "mnist"),
    "forest_attrition": (FOREST, "attrition"),
    "vectors_diabetes": (VECTORS, "diabetes"),
    "boosting_credit": (BOOSTING, "credit"),
    "network_leaves": (NETWORK, "leaves"),
    "vectors_computers": (VECTORS, "computers"),
}
