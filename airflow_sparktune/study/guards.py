"""Apply guardrails to the trials of a search, as far as a single trial shows."""

from __future__ import annotations

import math
from collections.abc import Iterable

from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState


class Guards:
    """The guardrails of a study, applied to trials of its search.

    Bounds relative to the incumbent apply once its trial is known. A confirmation checks the means of several
    runs instead (see driver.retuning.guardrails).
    """

    def __init__(self, rule: DecisionRule) -> None:
        self.rule = rule
        self._incumbent: Trial | None = None

    @classmethod
    def of(cls, rule: DecisionRule, trials: Iterable[Trial]) -> Guards:
        """Return the guardrails, with the incumbent among the trials."""
        guards = cls(rule)
        for trial in trials:
            guards.learn(trial)
        return guards

    def __bool__(self) -> bool:
        return bool(self.rule.guardrails)

    def learn(self, trial: Trial) -> bool:
        """Take in a trial; return whether it is the incumbent, after which other bounds apply."""
        if trial.origin is not TrialOrigin.INCUMBENT or trial.state is not TrialState.OK:
            return False
        self._incumbent = trial
        return True

    def excesses(self, trial: Trial) -> list[float]:
        """Return how far a trial is beyond each bound, two for each guardrail; nan without a value."""
        found: list[float] = []
        for rail in self.rule.guardrails:
            value = self._value(trial, rail.metric)
            base = None if self._incumbent is None else self._value(self._incumbent, rail.metric)
            found += (math.nan,) * 2 if value is None else rail.excesses(value, incumbent=base)
        return found

    def hold(self, trial: Trial) -> bool:
        """Return whether a trial is within all bounds, as they are known so far."""
        return all(excess <= 0 for excess in self.excesses(trial))

    def broken(self, trial: Trial) -> float:
        """Return how far a trial is beyond the bounds, as a sum of shares of its values."""
        found = 0.0
        for excess in self.excesses(trial):
            found += 1.0 if math.isnan(excess) else max(excess, 0.0) / (1.0 + max(excess, 0.0))
        return found

    def _value(self, trial: Trial, name: str) -> float | None:
        metric = self.rule.metric
        value = metric.shown(trial.loss) if name == metric.name else trial.info.get(name)
        return float(value) if value is not None and shape.number(value) else None
