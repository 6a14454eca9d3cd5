"""The other way to use last week's study: its trials shape the sampler's prior, and none runs again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean, pstdev
from typing import Any

from airflow_sparktune.driver.samplers.base import Recommendation, Sampler, Suggestion
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

_FIRST_NUMBER = 1_000_000
# Of fewer new losses neither mean nor deviation is known.
_FEWEST = 5


class PriorSampler:
    """Tells a sampler the old trials first, their losses moved to the mean and deviation of the new ones."""

    def __init__(self, sampler: Sampler, old: Sequence[Trial]) -> None:
        self._sampler = sampler
        self._old = old
        self._scores = _standardised([trial.loss or 0.0 for trial in old])
        self._new: dict[int, float] = {}
        self._tell_old(0.0, 1.0)

    @classmethod
    def of(cls, study: Study) -> Callable[[Sampler], Sampler]:
        """Return what wraps a sampler, with the successful trials of a study."""
        old = [trial for trial in study.searched if trial.state is TrialState.OK]
        return partial(cls, old=old)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._sampler.dimensions

    def ask(self, number: int, *, seed: int) -> Suggestion:
        if len(self._new) >= _FEWEST:
            losses = list(self._new.values())
            self._tell_old(fmean(losses), pstdev(losses) or 1.0)
        return self._sampler.ask(number, seed=seed)

    def tell(self, trial: Trial) -> None:
        if trial.loss is not None:
            self._new[trial.number] = trial.loss
        self._sampler.tell(trial)

    def given(self, params: Any) -> Suggestion:
        return self._sampler.given(params)

    def recommend(self) -> Recommendation | None:
        return self._sampler.recommend()

    def _tell_old(self, mean: float, deviation: float) -> None:
        for place, (trial, score) in enumerate(zip(self._old, self._scores, strict=True)):
            self._sampler.tell(replace(trial, number=_FIRST_NUMBER + place, loss=mean + deviation * score))


def _standardised(losses: Sequence[float]) -> list[float]:
    middle, deviation = fmean(losses), pstdev(losses) or 1.0
    return [(loss - middle) / deviation for loss in losses]
