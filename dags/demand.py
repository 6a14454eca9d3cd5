"""The model that the retuning examples tune: plain scikit-learn, without Airflow or Spark.

It predicts a shop's demand over the hours of a week. Demand is smooth until mid-November 2026, when a
campaign causes peaks that the earlier hyperparameters fit badly.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import train_test_split

CAMPAIGN = date(2026, 11, 16)


def hours_and_demand(week: str, rows: str, shop: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return the week's observations, with hours scaled to 0..1. `rows` is `search` or `holdout`."""
    day = date.fromisoformat(week)
    random = np.random.default_rng([day.toordinal(), *f"{rows} {shop}".encode()])
    hours = random.uniform(0, 1, size=300)
    demand = 2 * np.sin(2 * np.pi * hours)
    if day >= CAMPAIGN:
        demand += 1.5 * np.sin(2 * np.pi * 11 * hours)
    return hours[:, None], demand + random.normal(0, 0.5, size=300)


def model(params: dict) -> KernelRidge:
    """Return a kernel ridge regression: `gamma` sets how fast demand may change, `alpha` the noise level."""
    return KernelRidge(kernel="rbf", alpha=params["alpha"], gamma=params["gamma"])


def validation_loss(params: dict, week: str, trial, rows: str = "search", shop: str = "") -> dict:
    """Return the error on held-out rows, in a new split for each seed, and the largest error."""
    errors = misses(params, *hours_and_demand(week, rows, shop), seed=trial.seed)
    return {"loss": float(np.sqrt(np.mean(errors**2))), "worst": float(np.abs(errors).max())}


def split_loss(params: dict, week: str) -> float:
    """Return the same loss for a script; the split uses numpy's global random state, seeded per trial."""
    errors = misses(params, *hours_and_demand(week, "search"), seed=None)
    return float(np.sqrt(np.mean(errors**2)))


def misses(params: dict, x: np.ndarray, y: np.ndarray, *, seed: int | None) -> np.ndarray:
    """Return the errors on 30 % of the rows of a model trained on the other rows."""
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.3, random_state=seed)
    return test_y - model(params).fit(train_x, train_y).predict(test_x)


def fit(params: dict, week: str, shop: str = "") -> KernelRidge:
    """Return the model for production, trained on all rows of the week."""
    parts = [hours_and_demand(week, rows, shop) for rows in ("search", "holdout")]
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    return model(params).fit(x, y)
