"""Real trainings with a limit: a thousand configurations each, recorded once.

A forest that tells digits apart, within a latency; a boosted model of prices, within a size. About a third of
the configurations is within the limit, and the best of all is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from airflow_sparktune.driver.samplers.search_space import SearchSpace
from benchmarks.search.constrained.problem import Constrained, Params
from benchmarks.search.constrained.trainings import TRAININGS

FOLDER = Path(__file__).parent / "recorded"
CONFIGURATIONS = 1_000
_FEASIBLE = 1 / 3


def recorded(name: str) -> Constrained:
    """Return a recorded problem."""
    with np.load(FOLDER / f"{name}.npz") as kept:
        points, losses, metric = (kept[key].astype(float) for key in ("points", "losses", "metric"))
    given = TRAININGS[name][0]
    space = SearchSpace.of(given)
    labels = [each.label for each in space.dimensions]
    limit = float(np.quantile(metric, _FEASIBLE))
    found = {
        _key(space.suggestion(dict(zip(labels, point, strict=True))).params): (loss, [value - limit])
        for point, loss, value in zip(points.tolist(), losses.tolist(), metric.tolist(), strict=True)
    }

    def outcome(params: Params) -> tuple[float, Sequence[float]]:
        return found[_key(params)]

    return Constrained(given, outcome, 1, float(losses[metric <= limit].min()), points)


def _key(params: Params) -> tuple[object, ...]:
    return tuple(params[name] for name in sorted(params))


# By the name in the table, the name of the file.
REAL: Mapping[str, str] = {
    "forest, latency": "forest_digits",
    "boosting, size": "boosting_computers",
}
