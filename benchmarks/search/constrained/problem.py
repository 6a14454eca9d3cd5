"""A problem of the contest within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Constrained:
    """A search space, and the loss of a configuration with its constraints, which must be at most 0.

    `limits` is the number of constraints, `best` the best known feasible loss. With `points`, only these
    configurations can run.
    """

    space: Mapping[str, Any]
    outcome: Callable[[Params], tuple[float, Sequence[float]]]
    limits: int
    best: float
    points: np.ndarray[Any, Any] | None = None
