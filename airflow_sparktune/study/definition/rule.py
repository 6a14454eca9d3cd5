"""The rule for a decision, fixed before the data are seen: repeats, confidence, margin, guardrails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.definition import checks
from airflow_sparktune.study.metric import LARGEST_LOSS, Metric

# With fewer pairs, the standard deviation is too uncertain to be useful.
LEAST_REPEATS = 3
MOST_REPEATS, MOST_CANDIDATES = 100, 20

_PERCENT = re.compile(r"\s*(?P<number>(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?)\s*%\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Margin:
    """The least difference that matters, in units of the loss or as a share of the incumbent's value.

    >>> Margin.parse("replace_margin", "2%").of(-0.5), Margin.parse("replace_margin", 0.001).of(7.0)
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
                f"{name} must be a number of at least 0 and at most {LARGEST_LOSS:g}, in units of the loss, "
                f"or a percentage such as '2%', got {value!r}"
            )
        return cls(number / 100, relative=True) if match else cls(number)

    def of(self, value: float) -> float:
        """Return the margin for `value`, in its units."""
        return self.amount * abs(value) if self.relative else self.amount

    def to_json(self) -> float | str:
        return f"{self.amount * 100:.12g}%" if self.relative else self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """How the best trials of the search are confirmed.

    The `top` best trials and the incumbent run `repeats` more times each, with the same new seeds. A
    candidate passes a one-sided test whose error over all candidates is 1 - `confidence`. `objective_kwargs`
    override those of the search, e.g. for hold-out data. `timeout_share` of the timeout is reserved for the
    confirmation.

    >>> Confirm.parse("confirm", 8)
    Confirm(top=3, repeats=8, confidence=0.95, objective_kwargs={}, timeout_share=0.25)
    """

    top: int = 3
    repeats: int = 5
    confidence: float = 0.95
    objective_kwargs: Mapping[str, Any] = field(default_factory=dict)
    timeout_share: float = 0.25

    @classmethod
    def parse(cls, name: str, value: Any) -> Confirm:
        """Return the settings for a number of repeats or an object of fields; raises SpecError."""
        checks.not_quoted(name, value)
        if isinstance(value, cls):
            return value
        given: Any = value if isinstance(value, Mapping) else {"repeats": value}
        known = [item.name for item in fields(cls)]
        for key in given:
            if key not in known:
                raise SpecError(f"{name} must have known keys only, got {key!r}; they are {', '.join(known)}")
        checked = {key: _CONFIRM[key](f"{name}.{key}", item) for key, item in given.items()}
        return cls(**checked)


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
        return cls(metric=metric, **checked)

    def allows(self, value: float) -> bool:
        """Return whether a single value is within the bounds that need no comparison with the incumbent."""
        low = [bound for bound in (self.min, self.each_min) if bound is not None]
        high = [bound for bound in (self.max, self.each_max) if bound is not None]
        return all(bound <= value for bound in low) and all(value <= bound for bound in high)

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


_CONFIRM: Mapping[str, Any] = {
    "top": checks.whole(
        1, "the more candidates, the more evidence each of them needs", maximum=MOST_CANDIDATES
    ),
    "repeats": checks.whole(
        LEAST_REPEATS,
        "fewer cannot distinguish a difference from noise, more find differences too small to matter",
        maximum=MOST_REPEATS,
    ),
    "confidence": checks.bounded(
        "lie between 0.5 and 0.9999",
        lambda found: 0.5 <= found <= 0.9999,
        "with less, a worse candidate may win",
    ),
    "objective_kwargs": checks.arguments,
    "timeout_share": checks.bounded(
        "lie between 0 and 1", lambda found: 0 < found < 1, "it is the part of the timeout for the repeats"
    ),
}
_BOUNDS: Mapping[str, Any] = {
    "max": checks.finite,
    "min": checks.finite,
    "each_max": checks.finite,
    "each_min": checks.finite,
    "max_drop": Margin.parse,
    "max_rise": Margin.parse,
}
