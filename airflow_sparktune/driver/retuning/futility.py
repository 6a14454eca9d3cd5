"""Estimate, from the trials of the search, whether a confirmation could still replace the incumbent."""

from __future__ import annotations

import math

from airflow_sparktune.driver.retuning.paired import quantile
from airflow_sparktune.study.definition.rule import DecisionRule
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial

# A challenger with a smaller chance to win the confirmation is not confirmed.
_CHANCE = 0.02


def no_challenger(study: Study, rule: DecisionRule, incumbent: Trial | None) -> bool:
    """Return whether no challenger is likely to win a confirmation, once the search has converged.

    The search has measured the incumbent once, and expects the loss of its best trial. A challenger wins if
    its mean over the repeats is lower by the margin and what the test needs. Repeats on other data may tell
    another story, so they always run.
    """
    best, expected = study.best, study.best_loss
    if best is None or expected is None or incumbent is None or incumbent.loss is None:
        return False
    if rule.confirm.objective_kwargs:
        return False
    lead = incumbent.loss - rule.margin.of(incumbent.loss) - expected
    if study.recommended is None:  # the trials show no noise
        return lead <= 0
    return lead < study.recommended.noise * _needed(rule)


def _needed(rule: DecisionRule) -> float:
    """Return the lead, in standard deviations of one loss, that wins with the probability _CHANCE.

    The mean difference of the repeats has the variance 2 / repeats, the incumbent's loss in the search 1.
    """
    confirm = rule.confirm
    variance = 2 / confirm.repeats
    bound = quantile((1 - confirm.confidence) / confirm.top, confirm.repeats - 1) * math.sqrt(variance)
    return bound - quantile(_CHANCE, 1_000_000) * math.sqrt(1 + variance)
