"""The rule that ends a study whose model expects no more improvement that matters."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Self

from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.rule import Margin
from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.stopping.base import Rule, StopReason
from airflow_sparktune.study.trial import Trial, TrialOrigin

# The study ends when each of the last WINDOW trials was expected to improve the best loss by at most SHARE of
# what matters. Chosen on the benchmark's problems for tuning (docs/benchmarks.md).
WINDOW, SHARE = 24, 0.15
# What matters without noise and margin: a share of the gain so far, from the median of the first suggestions.
_SHARE_OF_GAIN, _FIRST = 0.01, 10
# In a retuning, the noise matters so many times: the repeats of a confirmation show no smaller lead.
RETUNING_NOISE = 3.0


class Converged(Rule):
    """Ends a study when the sampler's model expects no more improvement that matters.

    It looks at what the model expected of each trial when it suggested it, which is in the journal: so a
    resumed study decides alike. What matters is the noise of a loss (in a `retuning` a multiple of that) or
    the margin of a retuning, the larger of both, or else 1 % of the gain so far.
    """

    reason = StopReason.CONVERGED
    fields = ("limits.stop_when_converged",)

    def __init__(self, margin: Margin, *, retuning: bool = False) -> None:
        self._relative_margin = margin
        self._noises = RETUNING_NOISE if retuning else 1.0
        self._margin = self._noise = 0.0
        self._gains: dict[int, float] = {}
        self._first: list[float] = []
        self._lowest = float("inf")
        self._newest = -1

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        if not spec.limits.stop_when_converged:
            return None
        return cls(spec.rule.margin, retuning=spec.retuning.incumbent is not None)

    @classmethod
    def label(cls, spec: Spec) -> str:  # noqa: ARG003
        return "converged"

    def tell(self, trial: Trial) -> None:
        self._newest = max(self._newest, trial.number)
        if trial.outlook is not None:
            self._gains[trial.number], self._noise = trial.outlook.gain, trial.outlook.noise
        if trial.loss is None:
            return
        if trial.origin is TrialOrigin.INCUMBENT:
            self._margin = self._relative_margin.of(trial.loss)
        # Beyond a guardrail, losses may be lower than any within: the gain would look small.
        if not self.guards.hold(trial):
            return
        self._lowest = min(self._lowest, trial.loss)
        # So it would beside a configuration that was known to be good.
        known = trial.origin in (TrialOrigin.INCUMBENT, TrialOrigin.WARM_START)
        if not known and len(self._first) < _FIRST:
            self._first.append(trial.loss)

    @property
    def left(self) -> float | None:
        """Return the largest improvement that was expected of the last trials; None if too few are known.

        Repeats and draws by chance say nothing. Trials that still run do not count.
        """
        last = range(self._newest - WINDOW + 1, self._newest + 1)
        gains = [self._gains[each] for each in last if each in self._gains]
        return max(gains) if self._newest >= WINDOW and 2 * len(gains) >= WINDOW else None

    def reached(self, *, ran_s: float) -> bool:  # noqa: ARG002
        left = self.left
        if left is None or not self._first:
            return False
        gained = max(median(self._first) - self._lowest, 0.0)
        matters = max(self._noises * self._noise, self._margin) or _SHARE_OF_GAIN * gained
        return left <= SHARE * matters


def left_to_gain(trials: Iterable[Trial]) -> str:
    """Return how much the model expected of another trial at the end of a study; `trials` as they ended."""
    rule = Converged(Margin(0.0))
    for trial in trials:
        if trial.counts:
            rule.tell(trial)
    return (
        "" if rule.left is None else f": at most {number(rule.left, digits=2)} left to gain by another trial"
    )
