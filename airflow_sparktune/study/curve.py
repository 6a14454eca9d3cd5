"""The learning curve of a trial: what it reported, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.json_object import JsonObject, stored


@dataclass(frozen=True, slots=True)
class TrialReports(JsonObject):
    """Some reports of one trial. `metrics` has an object for each step, or is empty if none has any."""

    WHAT: ClassVar[str] = "a trial's reports"

    trial: int = stored(shape.whole)
    steps: Sequence[int] = stored(shape.whole, many=True)
    losses: Sequence[float] = stored(shape.number, many=True)
    metrics: Sequence[Mapping[str, float]] = stored(shape.numbers, many=True, default=())

    def __post_init__(self) -> None:
        if len(self.losses) != len(self.steps) or len(self.metrics) not in (0, len(self.steps)):
            raise ValueError(f"the reports of trial {self.trial} must have a loss for each step")


@dataclass(slots=True)
class Curve:
    """The losses that a trial reported, and the other numbers, by step."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    metrics: list[Mapping[str, float]] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """Return the steps as `sparktune show --json` prints them."""
        found = zip(self.steps, self.losses, self.metrics, strict=True)
        return [
            {"step": step, "loss": loss, **({"metrics": more} if more else {})} for step, loss, more in found
        ]

    def thinned(self, most: int) -> Curve:
        """Return the curve, or `most` of its points (2 or more): the first, the last, evenly spaced ones."""
        last = len(self.steps) - 1
        if last < most:
            return self
        kept = [round(place * last / (most - 1)) for place in range(most)]
        return Curve(
            [self.steps[at] for at in kept],
            [self.losses[at] for at in kept],
            [self.metrics[at] for at in kept],
        )

    def extend(self, reports: TrialReports) -> None:
        """Add reports."""
        self.steps += reports.steps
        self.losses += reports.losses
        self.metrics += reports.metrics or [{}] * len(reports.steps)
