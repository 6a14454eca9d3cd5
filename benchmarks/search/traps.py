"""Conditional spaces with a trap: a branch with a wide optimum; another has a narrow one that is lower."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.space import choice, uniform
from benchmarks.search.problem import Problem

_TRAP = 0.1  # the lowest loss of the branch with the wide optimum; that of the other is 0


def trap(number: int) -> Problem:
    """One of many: with up to two poor branches besides, with and without a parameter that branches share.

    From 1 to 25 % of the narrow branch, 4 % in the middle, are below all of the wide one.
    """
    chance = random.Random(f"trap{number}")
    wide_size, narrow_size = chance.choice((1, 2, 2, 3)), chance.choice((2, 2, 3))
    others, shared = number % 3, bool(number % 4 // 2)
    wide_at = [chance.uniform(0.2, 0.8) for _ in range(wide_size)]
    narrow_at = [chance.uniform(0.15, 0.85) for _ in range(narrow_size)]
    slope, steep = chance.uniform(0.15, 0.3), chance.uniform(1.2, 2.5)
    radius = chance.uniform(0.1, 0.16) if narrow_size == 2 else chance.uniform(0.15, 0.22)
    poor = [(chance.uniform(0.3, 0.5), chance.random(), chance.uniform(0.2, 0.8)) for _ in range(others)]
    branches: list[dict[str, Any]] = [
        {"kind": "wide", **{f"a{at}": uniform(0.0, 1.0) for at in range(wide_size)}},
        {"kind": "narrow", **{f"b{at}": uniform(0.0, 1.0) for at in range(narrow_size)}},
        *({"kind": at, "c": uniform(0.0, 1.0)} for at in range(others)),
    ]
    chance.shuffle(branches)
    space = {"model": choice(branches), **({"shared": uniform(-1.0, 1.0)} if shared else {})}

    def loss(params: Mapping[str, Any]) -> float:
        model: Mapping[str, Any] = params["model"]
        found: float = 0.05 * (params["shared"] - 0.3) ** 2 if shared else 0.0
        if model["kind"] == "wide":
            return found + _TRAP + slope * _distance(model, "a", wide_at)
        if model["kind"] != "narrow":
            base, best, width = poor[int(model["kind"])]
            return found + base + width * float(model["c"] - best) ** 2
        off = _distance(model, "b", narrow_at)
        if number % 2 == 0:
            return found + steep * off
        return found + 0.35 * (1 - math.exp(-off / (2 * radius**2))) + 0.05 * math.sqrt(off)

    return Problem(f"conditional: trap {number}", space, loss, 0.0)


def _distance(params: Mapping[str, Any], letter: str, best: list[float]) -> float:
    return math.fsum((params[f"{letter}{at}"] - value) ** 2 for at, value in enumerate(best))
