"""A problem of the judge."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Loss = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True, slots=True)
class Problem:
    """A search space, the true loss of a configuration, and the best one that is known.

    `noise` adds to a loss what chance makes of it in one trial.
    """

    name: str
    space: Mapping[str, Any]
    loss: Loss
    best: float
    noise: Callable[[random.Random], float] = lambda _: 0.0
