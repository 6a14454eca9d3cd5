"""The functions that build dimensions in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_sparktune.study.space.nodes import Choice, Number
from airflow_sparktune.study.space.parse import options_of, pairs_of

# airflow_sparktune.space has these names.
__all__ = [
    "choice", "lognormal", "loguniform", "normal", "pchoice", "qlognormal", "qloguniform", "qnormal",
    "quniform", "randint", "uniform", "uniformint",
]  # fmt: skip


def uniform(low: float, high: float) -> Number:
    """Return the dimension of a real number between `low` and `high`."""
    return Number("uniform", (low, high))


def loguniform(low: float, high: float) -> Number:
    """Return the dimension of a real number on a log scale, e.g. a learning rate; both bounds above 0."""
    return Number("loguniform", (low, high))


def quniform(low: float, high: float, q: float) -> Number:
    """Return `uniform` rounded to multiples of `q`. The value is a float; see `uniformint` for integers."""
    return Number("quniform", (low, high, q))


def qloguniform(low: float, high: float, q: float) -> Number:
    """Return `loguniform` rounded to multiples of `q`."""
    return Number("qloguniform", (low, high, q))


def normal(mu: float, sigma: float) -> Number:
    """Return the dimension of a normally distributed real number, without bounds."""
    return Number("normal", (mu, sigma))


def lognormal(mu: float, sigma: float) -> Number:
    """Return the dimension of a positive number whose natural logarithm is normal(mu, sigma)."""
    return Number("lognormal", (mu, sigma))


def qnormal(mu: float, sigma: float, q: float) -> Number:
    """Return `normal` rounded to multiples of `q`."""
    return Number("qnormal", (mu, sigma, q))


def qlognormal(mu: float, sigma: float, q: float) -> Number:
    """Return `lognormal` rounded to multiples of `q`."""
    return Number("qlognormal", (mu, sigma, q))


def randint(low: int, high: int) -> Number:
    """Return the dimension of an integer from `low` to `high - 1` without order, e.g. a hash seed."""
    return Number("randint", (low, high))


def uniformint(low: int, high: int) -> Number:
    """Return the dimension of an integer from `low` to `high` (both included) with order, e.g. a depth."""
    return Number("uniformint", (low, high))


def choice(options: Sequence[Any]) -> Choice:
    """Return the choice of one of `options`; an option may be a value, or a dict or list with dimensions."""
    return Choice(options_of(options, place="choice"))


def pchoice(options: Sequence[tuple[float, Any]]) -> Choice:
    """Return the choice of one of `options` with the given probabilities: pairs (probability, option)."""
    return Choice(*pairs_of(options, place="pchoice"))
