"""The builders of dimensions, as a person calls them in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_sparktune.study.space.nodes import Choice, Number
from airflow_sparktune.study.space.parse import options_of, pairs_of


def uniform(low: float, high: float) -> Number:
    """Describe a real number between `low` and `high`."""
    return Number("uniform", (low, high))


def loguniform(low: float, high: float) -> Number:
    """Describe a real number between `low` and `high` (both above 0), even on a log scale: learning rates."""
    return Number("loguniform", (low, high))


def quniform(low: float, high: float, q: float) -> Number:
    """Like `uniform`, rounded to multiples of `q`; a float, see `uniformint` for whole numbers."""
    return Number("quniform", (low, high, q))


def qloguniform(low: float, high: float, q: float) -> Number:
    """Like `loguniform`, rounded to multiples of `q`."""
    return Number("qloguniform", (low, high, q))


def normal(mu: float, sigma: float) -> Number:
    """Describe a normally distributed real number, without bounds."""
    return Number("normal", (mu, sigma))


def lognormal(mu: float, sigma: float) -> Number:
    """Describe a positive number whose natural logarithm is normal(mu, sigma), as numpy defines it."""
    return Number("lognormal", (mu, sigma))


def qnormal(mu: float, sigma: float, q: float) -> Number:
    """Like `normal`, rounded to multiples of `q`."""
    return Number("qnormal", (mu, sigma, q))


def qlognormal(mu: float, sigma: float, q: float) -> Number:
    """Like `lognormal`, rounded to multiples of `q`."""
    return Number("qlognormal", (mu, sigma, q))


def randint(low: int, high: int) -> Number:
    """Describe a whole number from `low` to `high - 1`, without order: neighbours are not alike (hashes)."""
    return Number("randint", (low, high))


def uniformint(low: int, high: int) -> Number:
    """Describe a whole number from `low` to `high`, both included, with order: depths, layer sizes."""
    return Number("uniformint", (low, high))


def choice(options: Sequence[Any]) -> Choice:
    """Describe one of `options`; an option may be a value, or a dict or list with dimensions of its own."""
    return Choice(options_of(options, place="choice"))


def pchoice(options: Sequence[tuple[float, Any]]) -> Choice:
    """Describe one of `options`, each a pair (probability, option)."""
    return Choice(*pairs_of(options, place="pchoice"))
