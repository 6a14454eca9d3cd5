"""Find the point of a search space at which it has given params, and tell why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.json_values import UNQUOTED, is_numeric, plain, shown
from airflow_sparktune.study.space.dimensions import Dimension, dimensions
from airflow_sparktune.study.space.nodes import replaced


@dataclass(frozen=True, slots=True)
class Parameter:
    """A place of the space whose value its dimension decides; `options` are those of a choice."""

    row: Dimension
    options: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """A place of a hyperopt space whose value is computed from parameters, by the function `by`."""

    by: str


def parameters(tree: Any) -> Any:
    """Return a result of `space.parse` with a `Parameter` in the place of each dimension."""
    rows = {row.label: row for row in dimensions(tree)}
    return replaced(tree, lambda label, _, options: Parameter(rows[label], tuple(options)))


def point_of(tree: Any, params: Any, *, at: str = "params") -> dict[str, Any]:
    """Return the number of each label for which a space has these params; raises SpecError.

    `tree` consists of dicts, lists, plain values, `Parameter` and `Computed`. The error names the parameter,
    whose place begins with `at`, and its bounds or options.

    >>> from airflow_sparktune.study.space import choice, parse, uniform
    >>> space = parameters(parse({"lr": uniform(0, 1), "booster": choice(["gbtree", "dart"])}))
    >>> point_of(space, {"lr": 0.5, "booster": "dart"})
    {'lr': 0.5, 'booster': 1}
    """
    point: dict[str, Any] = {}
    _match(tree, plain(params, what=at), point, at=at)
    return point


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


def _match(node: Any, value: Any, point: dict[str, Any], *, at: str) -> None:
    """Set the numbers in `point` for which a place of the space has `value`; raises SpecError."""
    match node:
        case Parameter(row, options) if options:
            _match_choice(row, options, value, point, at=at)
        case Parameter(row):
            _match_number(row, value, point, at=at)
        case Mapping():
            if not isinstance(value, Mapping) or set(value) != set(node):
                keys = ", ".join(map(repr, sorted(node)))
                raise SpecError(f"{at} must be an object with the keys {keys}, got {shown(value)}")
            for key, item in node.items():
                _match(item, value[key], point, at=f"{at}[{key!r}]")
        case list():
            if not isinstance(value, list) or len(value) != len(node):
                raise SpecError(f"{at} must be a list of {len(node)} values, got {shown(value)}")
            for index, (item, each) in enumerate(zip(node, value, strict=True)):
                _match(item, each, point, at=f"{at}[{index}]")
        case Computed(by):
            raise SpecError(
                f"{at} is computed in the space (by {by!r}), so a given value has no point; "
                "build the value from plain parameters inside the objective"
            )
        case constant:
            if constant != value:
                raise SpecError(f"{at} must be {shown(constant)} as in the space, got {shown(value)}")


def _match_number(row: Dimension, value: Any, point: dict[str, Any], *, at: str) -> None:
    if not within(row, value):
        low, high = bounds(row)
        kind = "a whole number" if row.kind in ("randint", "uniformint", "choice") else "a number"
        span = "" if low is None or high is None else f" from {low:g} to {high:g}"
        way_out = f"; {UNQUOTED}" if is_numeric(value) else ""
        raise SpecError(f"{at} must be {kind}{span}, got {shown(value)}{way_out}")
    point[row.label] = int(value) if row.kind in ("randint", "choice") else float(value)


def _match_choice(
    row: Dimension, options: tuple[Any, ...], value: Any, point: dict[str, Any], *, at: str
) -> None:
    misfits = []
    for index, option in enumerate(options):
        found: dict[str, Any] = {}
        try:
            _match(option, value, found, at=at)
        except SpecError as error:
            # Report the option for which most parameters matched.
            misfits.append((len(found), str(error)))
            continue
        point[row.label] = index
        point.update(found)
        return
    names = ", ".join(row.options or ())
    _, nearest = max(misfits, key=lambda each: each[0])
    raise SpecError(
        f"{at} must be one of the options of {row.label!r} ({names}), got {shown(value)} ({nearest})"
    )
