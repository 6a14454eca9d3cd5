"""A search space for samplers: converts points to params and params to points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hyperopt
from hyperopt import pyll

from airflow_sparktune.driver.samplers.base import Suggestion
from airflow_sparktune.driver.samplers.hyperopt_space import hyperopt_space
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.plain import plain
from airflow_sparktune.study.space.dimensions import Dimension

# Nodes between a value and its parameter that change only the type.
_CASTS = ("float", "int")


class SearchSpace:
    """The dimensions of a space, and the conversion between points and params.

    A point has one number for each active label; the number of a choice is the index of its option.
    """

    def __init__(self, domain: Any, dimensions: tuple[Dimension, ...]) -> None:
        self.domain = domain
        self.dimensions = dimensions
        self._rows = {row.label: row for row in dimensions}

    @classmethod
    def of(cls, space: Any) -> SearchSpace:
        """Return the space of a spec. Raises SpecError if values of the space are not JSON.

        >>> space = SearchSpace.of({"lr": {"uniform": [0, 1]}, "booster": {"choice": ["gbtree", "dart"]}})
        >>> space.params({"lr": 0.5, "booster": 1})
        {'booster': 'dart', 'lr': 0.5}
        >>> space.given({"lr": 0.5, "booster": "dart"}).point
        {'booster': 1, 'lr': 0.5}
        """
        expression, dimensions = hyperopt_space(space)
        return cls(hyperopt.base.Domain(None, expression), dimensions)

    def whole(self, label: str) -> bool:
        """Return whether a label's number is an index or a randint, which a point holds as an int."""
        return self._rows[label].kind in ("randint", "choice")

    def structure(self) -> frozenset[str]:
        """Return the labels of the choices that decide which other labels are active.

        >>> space = SearchSpace.of({"model": {"choice": [{"C": {"uniform": [0, 1]}}, "tree"]}})
        >>> space.structure()
        frozenset({'model'})
        """
        switches = (node for node in pyll.dfs(self.domain.expr) if node.name == "switch")
        return frozenset(
            chooser.arg["label"].obj
            for chooser, *options in (node.pos_args for node in switches)
            if chooser.name == "hyperopt_param" and any(map(_has_parameters, options))
        )

    def value(self, point: Mapping[str, Any]) -> Any:
        """Return the value of the space at a point; it may contain any objects."""
        memo = self.domain.memo_from_config(point)
        return pyll.rec_eval(self.domain.expr, memo=memo, print_node_on_error=False)

    def params(self, point: Mapping[str, Any]) -> Any:
        """Return the plain values of a point."""
        return plain(self.value(point), what="params")

    def suggestion(self, point: Mapping[str, Any]) -> Suggestion:
        """Return the suggestion of a point."""
        return Suggestion(point, self.params(point))

    def given(self, params: Any) -> Suggestion:
        """Return the suggestion for a user's params, in the form that the objective gets.

        Raises SpecError with the name of the parameter and its bounds or options.
        """
        point: dict[str, Any] = {}
        _match(self.domain.expr, plain(params, what="params"), point, self._rows, at="params")
        return self.suggestion(point)


def _has_parameters(option: Any) -> bool:
    return any(node.name == "hyperopt_param" for node in pyll.dfs(option))


def within(row: Dimension, value: Any) -> bool:
    """Return whether a number is within the known bounds of its dimension."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if row.kind in ("choice", "randint", "uniformint") and value != int(value):
        return False
    low, high = bounds(row)
    # A quantised number may be rounded past a bound, and bounds have rounding errors.
    room = (row.step or 0.0) + 1e-9 * max(abs(low or 0.0), abs(high or 0.0))
    return (low is None or low - room <= value) and (high is None or value <= high + room)


def bounds(row: Dimension) -> tuple[float | None, float | None]:
    """Return the smallest and the largest number of a dimension; for a choice, indices."""
    return (0, len(row.options) - 1) if row.options is not None else (row.low, row.high)


def _match(node: Any, value: Any, point: dict[str, Any], rows: Mapping[str, Dimension], *, at: str) -> None:
    """Set the numbers in `point` for which a node of hyperopt's graph yields `value`; raises SpecError."""
    match node.name:
        case "switch" if node.pos_args[0].name == "hyperopt_param":
            _match_choice(node, value, point, rows, at=at)
        case "hyperopt_param":
            _match_number(rows[node.arg["label"].obj], value, point, at=at)
        case name if name in _CASTS and len(node.pos_args) == 1:
            _match(node.pos_args[0], value, point, rows, at=at)
        case "literal":
            if plain(node.obj, what=at) != value:
                raise SpecError(f"{at} must be {node.obj!r} as in the space, got {value!r}")
        case "dict" if not node.pos_args:
            items = dict(node.named_args)
            if not isinstance(value, Mapping) or set(value) != set(items):
                keys = ", ".join(map(repr, sorted(items)))
                raise SpecError(f"{at} must be an object with the keys {keys}, got {value!r}")
            for key, item in items.items():
                _match(item, value[key], point, rows, at=f"{at}[{key!r}]")
        case "pos_args":
            if not isinstance(value, list) or len(value) != len(node.pos_args):
                raise SpecError(f"{at} must be a list of {len(node.pos_args)} values, got {value!r}")
            for index, (item, each) in enumerate(zip(node.pos_args, value, strict=True)):
                _match(item, each, point, rows, at=f"{at}[{index}]")
        case name:
            raise SpecError(
                f"{at} is computed in the space (by {name!r}), so a given value has no point; "
                "build the value from plain parameters inside the objective"
            )


def _match_number(row: Dimension, value: Any, point: dict[str, Any], *, at: str) -> None:
    if not within(row, value):
        low, high = bounds(row)
        kind = "a whole number" if row.kind in ("randint", "uniformint", "choice") else "a number"
        span = "" if low is None or high is None else f" from {low:g} to {high:g}"
        raise SpecError(f"{at} must be {kind}{span}, got {value!r}")
    point[row.label] = int(value) if row.kind in ("randint", "choice") else float(value)


def _match_choice(
    node: Any, value: Any, point: dict[str, Any], rows: Mapping[str, Dimension], *, at: str
) -> None:
    chooser, *options = node.pos_args
    label = chooser.arg["label"].obj
    misfits = []
    for index, option in enumerate(options):
        found: dict[str, Any] = {}
        try:
            _match(option, value, found, rows, at=at)
        except SpecError as error:
            # Report the option for which most parameters matched.
            misfits.append((len(found), str(error)))
            continue
        point[label] = index
        point.update(found)
        return
    names = ", ".join(rows[label].options or ())
    _, nearest = max(misfits, key=lambda each: each[0])
    raise SpecError(f"{at} must be one of the options of {label!r} ({names}), got {value!r} ({nearest})")
