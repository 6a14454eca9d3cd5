"""What stands in for the search algorithm and the objective."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from airflow_sparktune.driver.engines.base import Engine
from airflow_sparktune.driver.samplers.base import Sampler, Suggestion
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial
from benchmarks.simulated import Ending
from tests.driver.world import raises


def luck(*of: Any) -> float:
    """Return a number from 0 to 1 that depends on the arguments alone."""
    return zlib.crc32(repr(of).encode()) / 2**32


class ByLuck:
    """A sampler that suggests by the seed of a trial alone."""

    dimensions = ()

    def ask(self, number: int, *, seed: int) -> Suggestion:
        return self.given({"x": round(luck(seed), 3)})

    def given(self, params: Any) -> Suggestion:
        return Suggestion(dict(params), dict(params))

    def tell(self, trial: Trial) -> None:
        pass

    def recommend(self) -> None:
        return None


class LuckyPlan(SpecPlan):
    """The plan of a spec without its algorithm; `on_open` gets the study once it is open."""

    def __init__(self, spec: Spec, engine: Engine, on_open: Callable[[Study], None]) -> None:
        super().__init__(spec, engine)
        self._on_open = on_open

    def sampler(self) -> Sampler:
        return ByLuck()

    def opened(self, study: Study) -> None:
        self._on_open(study)


def play(call: Call, *, optimum: float, driver: str) -> Ending:
    """Play a trial whose loss grows with the distance to the optimum, and is another one in each try."""
    trial = call.trial
    chance = luck(trial.seed, trial.tries, call.params["x"], driver)
    after_s = 0.3 + 2.0 * luck(chance)
    if chance < 0.02:
        return Ending(after_s, lost="its executor is gone")
    if chance < 0.04 and trial.purpose == "search":
        return raises(after_s=after_s)
    noise = 0.01 * luck(chance, "noise")
    return Ending.ok(1.0 + (call.params["x"] - optimum) ** 2 + noise, after_s=after_s)
