"""The table of a space's dimensions, which readers need to interpret a point."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study.space.nodes import NUMBERS, Choice, Condition, Number, to_json, walk

# What readers of a journal get.
_JOURNALLED = ("label", "kind", "low", "high", "step", "log", "options", "parent", "branch")


@dataclass(frozen=True, slots=True)
class Dimension:
    """A row of the table of dimensions. With it a reader interprets a point without importing the space.

    `low`, `high` and `step` are in natural units; `log` asks for a logarithmic axis. `extent` is exact, for
    samplers: the bounds, or mu and sigma of a normal; with `log`, those of the logarithm. `options` are the
    names of a choice's options, by index, and `weights` their probabilities if they differ. Any of the
    `conditions` makes the dimension active; the empty one does so in every point.
    """

    label: str
    kind: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    extent: tuple[float, float] | None = None
    options: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    conditions: tuple[Condition, ...] = ((),)

    def active(self, point: Mapping[str, Any]) -> bool:
        """Return whether a point, which has an option's index for each active choice, has this dimension."""
        return any(all(point.get(choice) == option for choice, option in each) for each in self.conditions)

    @property
    def parent(self) -> str | None:
        """Return the choice under which the dimension is active, or None without one or with several."""
        return self._step[0]

    @property
    def branch(self) -> int | None:
        """Return the option of `parent` under which the dimension is active."""
        return self._step[1]

    @property
    def _step(self) -> tuple[str, int] | tuple[None, None]:
        last = {condition[-1] if condition else (None, None) for condition in self.conditions}
        return last.pop() if len(last) == 1 else (None, None)

    def to_json(self) -> dict[str, Any]:
        found = {key: getattr(self, key) for key in _JOURNALLED}
        return {key: value for key, value in found.items() if value is not None and value is not False}


def dimensions(tree: Any) -> tuple[Dimension, ...]:
    """Return the dimensions of a space, in the order of the space."""
    return tuple(_dimension(label, node, condition) for label, node, condition in walk(tree))


def _dimension(label: str, node: Number | Choice, condition: Condition) -> Dimension:
    if isinstance(node, Choice):
        names = tuple(name_of(to_json(option)) for option in node.options)
        return Dimension(label, "choice", options=names, weights=node.weights, conditions=(condition,))
    given = dict(zip(NUMBERS[node.kind], node.args, strict=True))
    low, high = given.get("low"), given.get("high")
    if node.kind == "randint" and high is not None:
        high -= 1
    if low is None or high is None:
        extent = given["mu"], given["sigma"]
    else:
        extent = (math.log(low), math.log(high)) if "log" in node.kind else (low, high)
    step, log = given.get("q"), "log" in node.kind
    return Dimension(label, node.kind, low, high, step, log=log, extent=extent, conditions=(condition,))


def name_of(option: Any) -> str:
    """Return the display name of an option of a choice.

    >>> name_of("gbtree"), name_of({"C": {"uniform": [0, 1]}})
    ('gbtree', '{"C": {"uniform": [0, 1]}}')
    """
    text = option if isinstance(option, str) else json.dumps(option, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
