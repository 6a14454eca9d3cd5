"""`algo="auto"`, the default: `gp` while it learns from each trial, then the faster `tpe`."""

from __future__ import annotations

from collections.abc import Callable

from airflow_sparktune.driver.samplers.base import Left, Recommendation, Suggestion
from airflow_sparktune.driver.samplers.gp.sampler import GpSampler
from airflow_sparktune.driver.samplers.hyperopt import HyperoptSampler
from airflow_sparktune.driver.samplers.search_space import SearchSpace, SpaceSampler
from airflow_sparktune.study.guards import Guards
from airflow_sparktune.study.trial import Trial

# With more trials, a suggestion of `gp` learns little more, and costs more than one of `tpe`.
_MOST_OF_GP = 1_000


class AutoSampler(SpaceSampler):
    """Is `gp` up to 1,000 trials, and `tpe` from then on."""

    has_model = steered = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._gp, self._tpe = GpSampler(space), HyperoptSampler.named("tpe", space)
        self._known: set[int] = set()

    def guard(self, guards: Guards) -> None:
        self._gp.guard(guards)
        self._tpe.guard(guards)

    def prefer_cheap(self, left: Callable[[], Left]) -> None:
        self._gp.prefer_cheap(left)

    def ask(self, number: int, *, seed: int) -> Suggestion:
        sampler = self._gp if len(self._known) < _MOST_OF_GP else self._tpe
        return sampler.ask(number, seed=seed)

    def tell(self, trial: Trial) -> None:
        self._known.add(trial.number)
        self._gp.tell(trial)
        self._tpe.tell(trial)

    def recommend(self) -> Recommendation | None:
        return self._gp.recommend()
