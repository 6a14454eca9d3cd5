"""Problems to replay: the curves of a thousand configurations each, recorded or synthetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.space import uniform
from benchmarks.early_stopping.tables import Array
from benchmarks.early_stopping.trainings import TRAININGS

FOLDER = Path(__file__).parent / "curves"
CONFIGURATIONS = 1_000

# The settings of the pruners are chosen on CHOOSING only. PUBLISHED was fixed before any of them ran on it,
# and nothing has run on ASIDE.
CHOOSING = ("boosting_cells", "network_digits", "forest_cells", "crossing")
PUBLISHED = (
    "boosting_churn", "boosting_computers", "network_mnist", "forest_attrition", "vectors_diabetes",
    "late_crossing",
)  # fmt: skip
ASIDE = ("boosting_credit", "network_leaves", "vectors_computers")
# Synthetic curves of 27 steps, and the step at which half of what a configuration gains late is visible.
CROSSING = {"crossing": 6.0, "late_crossing": 12.0}


@dataclass(frozen=True, slots=True)
class Problem:
    """Configurations as `points` (n, parameters), and for each its `curves` (n, steps) and its `seconds`."""

    space: Mapping[str, Any]
    points: Array
    curves: Array
    seconds: Array

    @property
    def losses(self) -> Array:
        """Return the loss of each configuration: the last of its curve."""
        return np.asarray(self.curves[:, -1])

    def by_chance(self, trials: int) -> float:
        """Return the mean of the lowest loss of so many configurations drawn without repetition."""
        ordered, left = np.sort(self.losses), len(self.losses) - np.arange(len(self.losses))
        # The lowest is the one at place i, if none of the i before it is drawn: a product of ratios.
        none_before = np.cumprod(np.concatenate([[1.0], np.maximum(left - trials, 0) / left])[:-1])
        return float(ordered @ (none_before * trials / left).clip(0, 1))


@cache
def problem(name: str) -> Problem:
    """Return a problem of any list."""
    if name in CROSSING:
        return _crossing(CROSSING[name])
    with np.load(FOLDER / f"{name}.npz") as kept:
        space = TRAININGS[name][0].space
        return Problem(space, kept["points"].astype(float), kept["curves"].astype(float), kept["seconds"])


def _crossing(half: float) -> Problem:
    """Return noisy curves of which those that start well end badly: early gains cost late ones.

    `fast` makes the loss fall early, and adds to its end; `x` and `y` shift the whole curve.
    """
    chance, steps = np.random.default_rng(0), np.arange(1, 28)
    space = {"fast": uniform(0.0, 1.0), "x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)}
    points = chance.random((CONFIGURATIONS, len(space)))
    fast, x, y = points.T[:, :, None]
    shift = (x - 0.3) ** 2 + (y - 0.6) ** 2 + 0.3 * fast
    late = 1.0 / (1.0 + np.exp((steps - half) / 2.0))
    curves = shift + late * (1.2 - fast) + chance.normal(0.0, 0.03, (CONFIGURATIONS, len(steps)))
    return Problem(space, points, curves, np.full(CONFIGURATIONS, 27.0))


def space_of(name: str) -> SearchSpace:
    """Return the search space of a problem."""
    return SearchSpace.of(problem(name).space)
