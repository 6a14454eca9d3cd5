"""Last week's problem and this week's: pairs of tables, and an optimum that moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import median, quantiles
from typing import Any

from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.space import loguniform, uniform, uniformint
from benchmarks.search.problems import Problem, table

_DRAWS = 1_000
# A trial's loss varies by this share of the distance between the quartiles of random configurations.
_NOISE = 0.005


@dataclass(frozen=True, slots=True)
class Drift:
    """A pair of problems over one space.

    `chance` is the median loss of random configurations on this week's data. `misleads` says that last week's
    optimum is no better than that.
    """

    name: str
    before: Problem
    after: Problem
    chance: float
    misleads: bool


def _drift(name: str, before: Problem, after: Problem) -> Drift:
    before, after = _noisy(before), _noisy(after)
    best = min(_drawn(before), key=before.loss)
    chance = median(map(after.loss, _drawn(after)))
    return Drift(name, before, after, chance, misleads=after.loss(best) >= chance)


def _noisy(problem: Problem) -> Problem:
    low, _, high = quantiles(map(problem.loss, _drawn(problem)), n=4)
    deviation = _NOISE * (high - low)
    return replace(problem, noise=lambda chance: chance.gauss(0.0, deviation))


def _drawn(problem: Problem) -> list[Mapping[str, Any]]:
    sampler = sampler_of(problem.space, "random")
    return [sampler.ask(number, seed=number).params for number in range(_DRAWS)]


def _tables(bench: str, before: str, after: str) -> Drift:
    return _drift(f"{bench}: {before} to {after}", table(bench, before), table(bench, after))


def _mirrored(bench: str, dataset: str) -> Drift:
    """A table, then the same one with the order of all values turned round: large is small."""
    before = table(bench, dataset)
    highest = {name: max(params[name] for params in _drawn(before)) for name in before.space}

    def loss(params: Mapping[str, Any]) -> float:
        return before.loss({name: highest[name] - value for name, value in params.items()})

    return _drift(f"{bench}: {dataset} to its mirror image", before, replace(before, loss=loss))


def boosting(*, moved: float) -> Problem:
    """Boosted trees whose best parameters move by a share of their ranges."""
    space = {
        "lr": loguniform(1e-4, 1.0),
        "depth": uniformint(2, 14),
        "subsample": uniform(0.3, 1.0),
        "l2": loguniform(1e-6, 1e2),
    }

    def loss(params: Mapping[str, Any]) -> float:
        places = (
            math.log(params["lr"] / 1e-4) / math.log(1e4),
            (params["depth"] - 2) / 12,
            (params["subsample"] - 0.3) / 0.7,
            math.log(params["l2"] / 1e-6) / math.log(1e8),
        )
        optimum = (0.75 - moved, 0.25 + moved, 0.75 - moved, 0.3 + moved)
        weights = (4.0, 1.0, 1.5, 0.5)
        return 0.2 + sum(
            weight * (place - best) ** 2 for weight, place, best in zip(weights, places, optimum, strict=True)
        )

    return Problem(f"boosting, moved {moved:g}", space, loss, 0.2)


def _moved(by: float) -> Drift:
    return _drift(f"optimum moved by {by:.0%} of each range", boosting(moved=0.0), boosting(moved=by))


DRIFTS: Mapping[str, Callable[[], Drift]] = {
    "imagenet": partial(_tables, "NASBench201", "cifar100", "imagenet"),
    "segment": partial(_tables, "HPOBench", "vehicle", "segment"),
    "phoneme": partial(_tables, "HPOBench", "kc1", "phoneme"),
    "slice": partial(_tables, "HPOLib", "protein_structure", "slice_localization"),
    "near": partial(_moved, 0.05),
    "far": partial(_moved, 0.15),
    "opposite": partial(_moved, 0.5),
    "mirrored_phoneme": partial(_mirrored, "HPOBench", "phoneme"),
    "mirrored_slice": partial(_mirrored, "HPOLib", "slice_localization"),
}


@cache
def drift(key: str) -> Drift:
    """A pair, made once."""
    return DRIFTS[key]()
