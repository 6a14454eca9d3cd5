"""The rule for a decision, fixed before the data are seen: repeats, confidence, margin, guardrails."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.definition.confirm import Confirm
from airflow_sparktune.study.metric import LARGEST_LOSS, Metric

_PERCENT = re.compile(r"\s*(?P<number>(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?)\s*%\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Margin:
    """The least difference that matters, in units of the loss or as a share of the incumbent's value.

    >>> Margin.parse("margin", "2%").of(-0.5), Margin.parse("margin", 0.001).of(7.0)
    (0.01, 0.001)
    """

    amount: float
    relative: bool = False

    @classmethod
    def parse(cls, name: str, value: Any) -> Margin:
        """Return the margin that a user wrote: a number of at least 0, or a text such as "2%"."""
        match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        number = checks.real(match["number"] if match else value)
        if number is None or not 0 <= number <= LARGEST_LOSS:
            raise SpecError(
                f"{name} must be a number of at least 0 and at most {LARGEST_LOSS:g}, "
                f"or a percentage such as '2%', got {value!r}"
            )
        return cls(number / 100, relative=True) if match else cls(number)

    def of(self, value: float) -> float:
        """Return the margin for `value`, in its units."""
        return self.amount * abs(value) if self.relative else self.amount

    def to_json(self) -> float | str:
        return f"{self.amount * 100:.12g}%" if self.relative else self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """Limits on a candidate's loss or score, or on another metric that the objective returns.

    `max` and `min` limit the mean over the repeats; `max_drop` and `max_rise` limit how far it may be below
    or above the incumbent's. `each_max` and `each_min` limit the value of each repeat, i.e. the worst one.
    """

    metric: str
    max: float | None = None
    min: float | None = None
    each_max: float | None = None
    each_min: float | None = None
    max_drop: Margin | None = None
    max_rise: Margin | None = None

    @classmethod
    def parse_all(cls, name: str, value: Any) -> tuple[Guardrail, ...]:
        """Return the guardrails that a user wrote, by metric; raises SpecError."""
        example = "write {'latency_ms': {'max': 50}, 'recall': {'max_drop': '1%'}}"
        if not isinstance(value, Mapping):
            raise SpecError(f"{name} must be an object of bounds by metric, got {value!r}; {example}")
        return tuple(cls._parse(f"{name}[{metric!r}]", metric, bounds) for metric, bounds in value.items())

    @classmethod
    def _parse(cls, name: str, metric: Any, bounds: Any) -> Guardrail:
        if not isinstance(metric, str) or not isinstance(bounds, Mapping) or not bounds:
            raise SpecError(f"{name} must have at least one of {', '.join(_BOUNDS)}, got {bounds!r}")
        if unknown := sorted(set(bounds) - set(_BOUNDS), key=str):
            raise SpecError(f"{name} must have bounds among {', '.join(_BOUNDS)}, got {unknown[0]!r}")
        checked = {key: _BOUNDS[key](f"{name}[{key!r}]", bound) for key, bound in bounds.items()}
        for low, high in (("min", "max"), ("each_min", "each_max")):
            if low in checked and high in checked and checked[low] > checked[high]:
                raise SpecError(
                    f"{name} must have {low} at most at {high}, got {checked[low]:g} and {checked[high]:g}; "
                    "no trial could be within both"
                )
        return cls(metric=metric, **checked)

    @property
    def relative(self) -> bool:
        """Return whether a bound is relative to the incumbent's value."""
        return self.max_drop is not None or self.max_rise is not None

    def excesses(self, value: float, *, incumbent: float | None) -> tuple[float, float]:
        """Return how far a value is below its lowest bound and above its highest one; at most 0 within.

        A side without a bound has -inf. Without the incumbent's value, relative bounds do not apply.
        """
        low, high = [self.min, self.each_min], [self.max, self.each_max]
        if incumbent is not None and self.max_drop is not None:
            low.append(incumbent - self.max_drop.of(incumbent))
        if incumbent is not None and self.max_rise is not None:
            high.append(incumbent + self.max_rise.of(incumbent))
        below = (bound - value for bound in low if bound is not None)
        above = (value - bound for bound in high if bound is not None)
        return max(below, default=-math.inf), max(above, default=-math.inf)

    def to_json(self) -> dict[str, Any]:
        """Return the limits without the metric, which is the key of the object."""
        bounds = {name: getattr(self, name) for name in _BOUNDS}
        return {
            name: bound.to_json() if isinstance(bound, Margin) else bound
            for name, bound in bounds.items()
            if bound is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """Everything besides the losses that a decision depends on."""

    confirm: Confirm = field(default_factory=Confirm)
    margin: Margin = field(default_factory=lambda: Margin(0.0))
    guardrails: tuple[Guardrail, ...] = ()
    metric: Metric = field(default_factory=Metric)


_BOUNDS: Mapping[str, Any] = {
    "max": checks.finite,
    "min": checks.finite,
    "each_max": checks.finite,
    "each_min": checks.finite,
    "max_drop": Margin.parse,
    "max_rise": Margin.parse,
}
