"""The trainings that are recorded: spaces, and the loss and the limited metric of a configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from airflow_sparktune.space import choice, loguniform, uniform, uniformint
from benchmarks.early_stopping.tables import table
from benchmarks.search.constrained.problem import Params

_CALLS = 7
_FOLDS = 3


def forest(params: Params) -> tuple[float, float]:
    """Return the share of digits that a forest gets wrong, and its microseconds for one.

    The least of several calls, by the processor's clock: other work on the machine does not add to it.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold

    x, y = table("digits")
    wrong, least = 0, np.inf
    for train, valid in KFold(_FOLDS).split(x):
        settings = {**params, "n_estimators": round(params["n_estimators"])}
        model = RandomForestClassifier(**settings, random_state=0).fit(x[train], y[train])
        for _ in range(_CALLS):
            began = time.process_time()
            found = model.predict(x[valid])
            least = min(least, (time.process_time() - began) / len(valid))
        wrong += int((found != y[valid]).sum())
    return wrong / len(x), least * 1e6


def boosting(params: Params) -> tuple[float, float]:
    """Return the squared error of a boosted model of prices, and its size in kB as a text file."""
    import lightgbm

    x, y = table("computers")
    half = len(x) * 3 // 5
    settings = {**params, "objective": "regression", "num_threads": 1, "verbose": -1, "subsample_freq": 1}
    rounds = round(settings.pop("rounds"))
    train = lightgbm.Dataset(x[:half], y[:half], params={"max_bin": 63})
    model = lightgbm.train({**settings, "deterministic": True, "seed": 0}, train, rounds)
    loss = np.mean((model.predict(x[half:]) - y[half:]) ** 2)
    return float(loss), len(model.model_to_string()) / 1_000


TRAININGS: Mapping[str, tuple[Mapping[str, Any], Callable[[Params], tuple[float, float]]]] = {
    "forest_digits": (
        {
            "n_estimators": loguniform(2.0, 150.0),
            "max_depth": uniformint(2, 16),
            "max_features": uniform(0.03, 1.0),
            "min_samples_leaf": uniformint(1, 10),
            "max_samples": uniform(0.1, 1.0),
            "criterion": choice(["gini", "entropy"]),
        },
        forest,
    ),
    "boosting_computers": (
        {
            "rounds": loguniform(10.0, 300.0),
            "learning_rate": loguniform(0.01, 0.5),
            "num_leaves": uniformint(2, 63),
            "min_child_samples": uniformint(2, 60),
            "subsample": uniform(0.4, 1.0),
            "colsample_bytree": uniform(0.2, 1.0),
            "reg_lambda": loguniform(1e-4, 100.0),
        },
        boosting,
    ),
}
