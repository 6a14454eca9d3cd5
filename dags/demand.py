"""The model that the retuning examples keep tuned: plain scikit-learn, nothing of Airflow or Spark in it.

A shop's demand over the hours of a week. It is smooth until the middle of November 2026, when a campaign
brings peaks: what was tuned before follows them badly.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import train_test_split

CAMPAIGN = date(2026, 11, 16)


def hours_and_demand(week: str, rows: str, shop: str = "") -> tuple[np.ndarray, np.ndarray]:
    """The week's observations, hours scaled to 0..1: `rows` is `search` or, never shown to it, `holdout`."""
    day = date.fromisoformat(week)
    random = np.random.default_rng([day.toordinal(), *f"{rows} {shop}".encode()])
    hours = random.uniform(0, 1, size=300)
    demand = 2 * np.sin(2 * np.pi * hours)
    if day >= CAMPAIGN:
        demand += 1.5 * np.sin(2 * np.pi * 11 * hours)
    return hours[:, None], demand + random.normal(0, 0.5, size=300)


def model(params: dict) -> KernelRidge:
    """A kernel ridge regression: `gamma` says how fast demand may change, `alpha` how much is noise."""
    return KernelRidge(kernel="rbf", alpha=params["alpha"], gamma=params["gamma"])


def validation_loss(params: dict, week: str, trial, rows: str = "search", shop: str = "") -> dict:
    """The error on rows left out of the training, in a new split for every seed; the worst miss besides."""
    errors = misses(params, *hours_and_demand(week, rows, shop), seed=trial.seed)
    return {"loss": float(np.sqrt(np.mean(errors**2))), "worst": float(np.abs(errors).max())}


def split_loss(params: dict, week: str) -> float:
    """The same loss for a script: the split is drawn from numpy's global state, seeded for each trial."""
    errors = misses(params, *hours_and_demand(week, "search"), seed=None)
    return float(np.sqrt(np.mean(errors**2)))


def misses(params: dict, x: np.ndarray, y: np.ndarray, *, seed: int | None) -> np.ndarray:
    """What the model misses on 30 % of the rows, trained on the others."""
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.3, random_state=seed)
    return test_y - model(params).fit(train_x, train_y).predict(test_x)


def fit(params: dict, week: str, shop: str = "") -> KernelRidge:
    """The model for production, trained on all the week's rows."""
    parts = [hours_and_demand(week, rows, shop) for rows in ("search", "holdout")]
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    return model(params).fit(x, y)
