"""A sampler that also searches near the best configuration, as long as this one comes from a warm start."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from airflow_sparktune.driver.samplers.base import Sampler, Suggestion
from airflow_sparktune.driver.samplers.search_space import SearchSpace, SpaceSampler
from airflow_sparktune.study.space.dimensions import Dimension
from airflow_sparktune.study.trial import Trial, TrialOrigin, TrialState

NEIGHBOUR = "neighbour"

# Chosen on the benchmark `warm_start`. Every second suggestion is a neighbour. In it, each parameter moves
# with this probability, a number by this share of the way to a random value.
_EVERY = 2
_MOVES = 0.5
_STEP = 0.25
# A neighbour that has run already is made again, so many times; then the sampler is asked.
_TRIES = 3


class NeighbourSampler(SpaceSampler):
    """Alternates between the suggestions of a sampler and neighbours of the best trial.

    `draws` suggests random values of the same space, from which neighbours are made.

    There are neighbours only while the best trial is the incumbent, a point of the warm start, or a neighbour
    of these. When the sampler finds a better one by itself, the old optimum has lost its influence.
    """

    def __init__(self, space: SearchSpace, sampler: Sampler, draws: Sampler) -> None:
        super().__init__(space)
        self._sampler = sampler
        self._draws = draws
        self._structure = {choice for row in space.dimensions for way in row.ways for choice, _ in way}
        self._trials: dict[int, Trial] = {}

    def ask(self, number: int, *, seed: int) -> Suggestion:
        """Return the configuration of trial `number`; raises Exhausted if the algorithm has no more."""
        if number % _EVERY == 0 and (best := self._best()) is not None and _of_warm_start(best):
            chance = random.Random(seed)
            for _ in range(_TRIES):
                point = self._neighbour(best.point, chance)
                if all(trial.point != point for trial in self._trials.values()):
                    return self.space.suggestion(point, by=NEIGHBOUR)
        return self._sampler.ask(number, seed=seed)

    def tell(self, trial: Trial) -> None:
        """Record the state of a trial."""
        self._trials[trial.number] = trial
        self._sampler.tell(trial)

    def _best(self) -> Trial | None:
        ok = (trial for trial in self._trials.values() if trial.state is TrialState.OK)
        return min(ok, key=lambda trial: trial.rank, default=None)

    def _neighbour(self, point: Mapping[str, Any], chance: random.Random) -> Mapping[str, Any]:
        """Return a point near another one, with the same branches of the space."""
        drawn = self._draws.ask(0, seed=chance.getrandbits(31)).point
        near = dict(point)
        for row in self.dimensions:
            label = row.label
            shared = label in point and label in drawn and label not in self._structure
            if shared and chance.random() < _MOVES:
                near[label] = drawn[label] if row.options else _between(row, point[label], drawn[label])
        return near


def _between(row: Dimension, value: float, other: float) -> float:
    """Return the number that lies a step from `value` towards `other`, both of a dimension."""
    if row.log and min(value, other) > 0:
        moved = math.exp((1 - _STEP) * math.log(value) + _STEP * math.log(other))
    else:
        moved = (1 - _STEP) * value + _STEP * other
    step = 1 if row.kind in ("randint", "uniformint") else row.step
    if step is None:
        return moved
    steps = round((moved - value) / step) or (other > value) - (other < value)
    return value + steps * step


def _of_warm_start(trial: Trial) -> bool:
    return trial.origin in (TrialOrigin.INCUMBENT, TrialOrigin.WARM_START) or trial.suggested_by == NEIGHBOUR
