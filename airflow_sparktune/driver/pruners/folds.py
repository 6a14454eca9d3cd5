"""Compare a trial with the best one, fold by fold of a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sparktune.driver.pruners.base import Curves
from airflow_sparktune.driver.retuning.paired import RACING_ERROR, Paired, quantile
from airflow_sparktune.study.definition.confirm import LEAST_REPEATS
from airflow_sparktune.study.definition.rule import Margin
from airflow_sparktune.study.record.contender import Contender, Repeat


@dataclass(frozen=True, slots=True)
class FoldsPruner:
    """Stops a trial whose folds are worse than those of the best finished trial, by a paired test.

    It is the test by which a confirmation drops a candidate. Each report must be the mean of the folds so
    far.
    """

    def __post_init__(self) -> None:
        quantile(RACING_ERROR, LEAST_REPEATS - 1)  # imports scipy now, so that no report waits for it

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        mine = curves.losses(number)
        if len(mine) < LEAST_REPEATS:
            return False
        finished = [losses for losses in map(curves.losses, curves.finished) if step in losses]
        best = min(finished, key=_last, default={})
        if list(mine) != list(best)[: len(mine)]:
            return False
        pairs = Paired.of(_folds(best), _folds(mine), Margin(0.0), upto=len(mine))
        return pairs.upper(RACING_ERROR) < 0


def _last(losses: dict[int, float]) -> float:
    return losses[next(reversed(losses))]


def _folds(means: dict[int, float]) -> Contender:
    """Return the losses of the single folds from their running means, as repeats of one configuration."""
    sums = [0.0, *(count * mean for count, mean in enumerate(means.values(), start=1))]
    return Contender(0, None, repeats={at: Repeat(sums[at] - sums[at - 1]) for at in range(1, len(sums))})
