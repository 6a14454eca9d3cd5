"""Rules outside the spec: the end of an algorithm's suggestions, and a script's own rule."""

from __future__ import annotations

import math
from collections.abc import Callable

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping.base import Rule, StopReason
from airflow_sparktune.study.trial import Trial


class EndOfSuggestions(Rule):
    """Ends a study when the running trials have ended, once the algorithm has no more suggestions."""

    reason = StopReason.EARLY_STOP

    def __init__(self) -> None:
        self._left = math.inf

    @classmethod
    def label(cls, spec: Spec) -> str:  # noqa: ARG003
        return "stopped early by the script's own rule, or because the algorithm had no more suggestions"

    @property
    def wanted(self) -> float:
        return self._left

    def exhaust(self, begun: int) -> None:
        """End the study when `begun` more trials have ended."""
        self._left = begun

    def tell(self, trial: Trial) -> None:  # noqa: ARG002
        self._left -= 1

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._left <= 0


class EarlyStop(EndOfSuggestions):
    """Ends a study when a script's own function, called after each trial, returns True."""

    def __init__(self, stops: Callable[[Trial], bool]) -> None:
        super().__init__()
        self._stops = stops

    def tell(self, trial: Trial) -> None:
        if self._stops(trial):
            self.exhaust(0)
