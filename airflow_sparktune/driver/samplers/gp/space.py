"""A search space as a matrix: a row is a configuration, a column a parameter.

Numbers are in [0, 1]; categories are codes from 0. An inactive number is 0.5, an inactive category -1. The
codes of the choices above tell such a row from one with these values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from airflow_sparktune.driver.samplers.gp.axis import Array, Axis, grid_bounds
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.space.dimensions import Dimension

# The choices that make a parameter active: pairs (column of the choice, code of its option), all required.
Condition = tuple[tuple[int, int], ...]
# Any of these makes a parameter active. Empty for a parameter that is always active.
Conditions = tuple[Condition, ...]

# A randint is unordered up to this many values. With more, nothing could be learned without an order.
MOST_CATEGORIES = 64
# Two different categories are as far apart as the two ends of a numeric interval.
_CATEGORY_SCALE = math.sqrt(0.5)
_INACTIVE_NUMBER, _INACTIVE_CATEGORY = 0.5, -1.0


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a space: a number with an `axis`, or a category with prior `weights`.

    The value of a category is its code plus `offset`.
    """

    label: str
    axis: Axis | None = None
    weights: tuple[float, ...] = ()
    offset: int = 0
    whole: bool = False
    conditions: Conditions = ()


class EncodedSpace:
    """Encodes configurations as rows, draws rows from the prior, and decodes rows to points."""

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        self.parameters = parameters
        self.size = len(parameters)
        self.numeric = np.array([item.axis is not None for item in parameters])
        axes = ((column, item.axis) for column, item in enumerate(parameters))
        self._grids = {column: axis for column, axis in axes if axis and axis.step}
        self.gridded = np.array([column in self._grids for column in range(self.size)])
        self._inactive = np.where(self.numeric, _INACTIVE_NUMBER, _INACTIVE_CATEGORY)
        self._categories = [column for column in range(self.size) if not self.numeric[column]]
        # Per feature: its parameter, and for a category the code that the feature stands for.
        codes = [(column, code) for column in self._categories for code in range(len(self.prior(column)))]
        self._numbers = np.flatnonzero(self.numeric)
        self._coded = np.array([column for column, _ in codes], dtype=int)
        self._codes = np.array([code for _, code in codes], dtype=float)
        self.owner = np.concatenate([self._numbers, self._coded])
        groups: dict[Conditions, list[int]] = {}
        for column, item in enumerate(parameters):
            groups.setdefault(item.conditions, []).append(column)
        self.groups = {conditions: np.array(columns) for conditions, columns in groups.items()}

    def prior(self, column: int) -> tuple[float, ...]:
        """Return the prior weights of a category's codes."""
        return self.parameters[column].weights

    @cached_property
    def mean_active(self) -> float:
        """Return the expected number of active parameters under the prior."""
        drawn = self.draw(np.random.default_rng(0), 256)
        return float(self.active(drawn).sum(axis=1).mean())

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Return rows drawn from the prior, with a value in every column, neither rounded nor masked."""
        rows = rng.random((count, self.size))
        for column in self._categories:
            edges = np.cumsum(self.prior(column))
            rows[:, column] = np.searchsorted(edges[:-1] / edges[-1], rows[:, column], side="right")
        return rows

    def settle(self, rows: Array, condition: Condition = ()) -> Array:
        """Return full rows as configurations with the choices of `condition`.

        Numbers are rounded to steps, inactive columns are masked.
        """
        rows = rows.copy()
        for choice, code in condition:
            rows[:, choice] = code
        for column, axis in self._grids.items():
            rows[:, column] = axis.snap(rows[:, column])
        return np.where(self.active(rows), rows, self._inactive)

    def active(self, rows: Array) -> Array:
        """Return a mask of the parameters that are active in each row."""
        mask = np.ones(rows.shape, bool)
        for conditions, columns in self.groups.items():
            if conditions:
                met = np.any([self.meets(rows, condition) for condition in conditions], axis=0)
                mask[:, columns] = met[:, None]
        return mask

    def meets(self, rows: Array, condition: Condition) -> Array:
        """Return a mask of the rows that have all choices of a condition."""
        return np.asarray(np.all([rows[:, choice] == code for choice, code in condition], axis=0))

    @cached_property
    def branches(self) -> tuple[Condition, ...]:
        """Return the conditions of all parameters that are not always active."""
        return tuple(dict.fromkeys(condition for conditions in self.groups for condition in conditions))

    def spacing(self, row: Array) -> Array:
        """Return the distance to the next value of each column, 0 for a continuous one."""
        steps = np.zeros(self.size)
        for column, axis in self._grids.items():
            steps[column] = axis.spacing(row[column])
        return steps

    def features(self, rows: Array) -> Array:
        """Return the kernel's features: numbers unchanged, a column for each code of a category."""
        found = np.empty((len(rows), len(self.owner)))
        found[:, : len(self._numbers)] = rows[:, self._numbers]
        found[:, len(self._numbers) :] = (rows[:, self._coded] == self._codes) * _CATEGORY_SCALE
        return found

    def encode(self, point: Mapping[str, Any]) -> Array:
        """Return the row of a point, which has the raw numbers of the active labels."""
        row = self._inactive.copy()
        for column, item in enumerate(self.parameters):
            value = point.get(item.label)
            if value is None:
                continue
            row[column] = (
                value - item.offset if item.axis is None else item.axis.encode(np.asarray(value, dtype=float))
            )
        return row

    def decode(self, row: Array) -> dict[str, Any]:
        """Return the point of a row, which has the raw numbers of the active labels."""
        point: dict[str, Any] = {}
        for column in np.flatnonzero(self.active(row[None])[0]):
            item = self.parameters[column]
            if item.axis is None:
                point[item.label] = int(row[column]) + item.offset
            else:
                value = float(item.axis.decode(row[column]))
                point[item.label] = round(value) if item.whole else value
        return point


def encoded_space(dimensions: Iterable[Dimension]) -> EncodedSpace:
    """Return the encoded space of dimensions, whose order is that of the columns up to their depth.

    Raises SpecError for an unknown distribution.
    """
    # Choices come before the parameters below them, regardless of the order in the space.
    ordered = sorted(dimensions, key=lambda item: max(map(len, item.conditions)))
    columns = {item.label: column for column, item in enumerate(ordered)}
    return EncodedSpace(tuple(_parameter(item, columns) for item in ordered))


def _parameter(item: Dimension, columns: Mapping[str, int]) -> Parameter:
    label = item.label
    conditions: Conditions = ()
    if () not in item.conditions:
        conditions = tuple(
            tuple((columns[choice], option) for choice, option in each) for each in item.conditions
        )
    if item.options is not None:
        weights = item.weights or _equal(len(item.options))
        return Parameter(label, weights=weights, conditions=conditions)
    kind = item.kind.removeprefix("q").removeprefix("log")
    if item.extent is None or kind not in ("uniform", "normal", "randint", "uniformint"):
        raise SpecError(
            f"algo 'gp' supports the distributions of hyperopt.hp, got {item.kind!r} for {label!r}; "
            "use algo='random' for others"
        )
    low, high = item.extent
    if kind == "randint" and high - low < MOST_CATEGORIES:
        weights = _equal(int(high - low) + 1)
        return Parameter(label, weights=weights, offset=int(low), conditions=conditions)
    step = 1.0 if kind in ("randint", "uniformint") else item.step
    if step is not None and kind != "normal" and not item.log:
        low, high = grid_bounds(low, high, step)
    axis = Axis(float(low), float(high), step=step, log=item.log, normal=kind == "normal")
    return Parameter(label, axis=axis, whole=kind == "randint", conditions=conditions)


def _equal(count: int) -> tuple[float, ...]:
    return (1 / count,) * count
