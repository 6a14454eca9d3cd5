"""Rules that look at losses."""

from __future__ import annotations

import math
from typing import Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.stopping.base import Rule, StopReason
from airflow_sparktune.study.trial import Trial, TrialOrigin


class LossThreshold(Rule):
    """Ends a study when a loss is low enough, or a score high enough."""

    reason = StopReason.LOSS_THRESHOLD
    fields = ("limits.loss_threshold",)

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._best = math.inf

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        threshold = spec.limits.loss_threshold
        return None if threshold is None else cls(spec.metric.loss(threshold))

    def tell(self, trial: Trial) -> None:
        # The incumbent does not count: it may be below the threshold already.
        own = trial.origin is not TrialOrigin.INCUMBENT
        if trial.loss is not None and own and self.guards.hold(trial):
            self._best = min(self._best, trial.loss)

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._best <= self._threshold


class NoProgress(Rule):
    """Ends a study after a number of trials without an improvement of at least `least`."""

    reason = StopReason.NO_PROGRESS
    fields = ("limits.no_progress", "limits.min_improvement")

    def __init__(self, trials: int, *, least: float) -> None:
        self._trials = trials
        self._least = least
        self._mark = math.inf
        self._since_mark = 0

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        limits = spec.limits
        return None if limits.no_progress is None else cls(limits.no_progress, least=limits.min_improvement)

    @classmethod
    def label(cls, spec: Spec) -> str:
        least = f" of {spec.limits.min_improvement:g}" if spec.limits.min_improvement else ""
        return f"no improvement{least} in {spec.limits.no_progress} trials"

    def tell(self, trial: Trial) -> None:
        if trial.origin is TrialOrigin.INCUMBENT:
            return
        # A warm-start point may improve the best loss, but does not use up the allowed trials.
        self._since_mark += trial.origin is not TrialOrigin.WARM_START
        if trial.loss is None or trial.loss >= self._mark or not self.guards.hold(trial):
            return
        if self._improves(self._mark - trial.loss):
            self._mark, self._since_mark = trial.loss, 0

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        return self._since_mark >= self._trials

    def _improves(self, gain: float) -> bool:
        # Rounding: 1.0 - 0.9 is 0.09999999999999998.
        return gain >= self._least or math.isclose(gain, self._least)
