"""The objectives of the benchmarks. They do almost nothing, because the benchmarks measure overhead."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

# Four parameters of four kinds, like those of a gradient-boosted model.
SPACE: Mapping[str, Any] = {
    "lr": {"loguniform": [1e-4, 1.0]},
    "depth": {"randint": [2, 12]},
    "subsample": {"uniform": [0.5, 1.0]},
    "booster": {"choice": ["gbtree", "dart"]},
}

# Ten parameters, five of them in steps. `loss_of` depends only on the first four.
WIDE_SPACE: Mapping[str, Any] = {
    **SPACE,
    "l2": {"loguniform": [1e-6, 10.0]},
    "leaves": {"quniform": [8, 256, 8]},
    "rounds": {"qloguniform": [50, 2_000, 10]},
    "bins": {"uniformint": [15, 255]},
    "dropout": {"quniform": [0.0, 0.5, 0.01]},
    "min_gain": {"qlognormal": [0.0, 1.0, 0.1]},
}


def loss_of(params: Mapping[str, Any]) -> float:
    """Return a smooth loss over SPACE; its minimum is 0, at lr 0.01, depth 6, subsample 0.8, gbtree."""
    return (
        math.log10(params["lr"] / 0.01) ** 2
        + ((params["depth"] - 6) / 3) ** 2
        + ((params["subsample"] - 0.8) * 4) ** 2
        + (params["booster"] != "gbtree") * 0.5
    )


def nap(params: Mapping[str, Any], seconds: float) -> float:
    """Sleep as long as a training would take; sleeping needs no core, so slots may outnumber cores."""
    time.sleep(seconds)
    return loss_of(params)
