"""The studies of the benchmark, run on every core. The outcomes of all seeds are kept as one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from multiprocessing import get_context
from pathlib import Path

from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.driver.pruners.base import Curves, Pruner
from benchmarks import report
from benchmarks.early_stopping.replay import Ran, replay

# What is compared: the names of a spec's pruners, and a baseline.
PRUNERS = ("none", "worst", "median", "asha", "folds", "fixed")


@dataclass(frozen=True, slots=True)
class FixedPruner:
    """The baseline: stops each trial at its first report, unless it is among the best three there."""

    def stops(self, number: int, step: int, curves: Curves) -> bool:
        there = curves.at(step)
        return curves.reports(number) == 1 and sum(loss < there[number] for loss in there.values()) >= 3


@dataclass(frozen=True, slots=True)
class Studies:
    """Studies of a problem that differ only in their seeds."""

    problem: str
    algo: str
    pruner: str
    slots: int
    trials: int
    seeds: int

    @property
    def path(self) -> Path:
        """Return where the outcomes are kept; delete the file to run them again."""
        words = f"{self.problem}-{self.slots}-{self.trials}-{self.seeds}.json"
        return report.OUT / "early_stopping" / f"{self.algo}-{self.pruner}" / words

    def run(self) -> list[list[Ran]]:
        """Return what ran in the study of each seed."""
        pruner = _pruner(self.pruner)
        return [
            replay(self.problem, self.algo, pruner, slots=self.slots, trials=self.trials, seed=seed)
            for seed in range(self.seeds)
        ]

    def keep(self, found: list[list[Ran]]) -> None:
        """Write what ran to the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(json.dumps([[astuple(each) for each in study] for study in found]))
        unfinished.replace(self.path)

    def read(self) -> list[list[Ran]]:
        """Return what is in the file."""
        return [[Ran(*each) for each in study] for study in json.loads(self.path.read_text())]


def run_all(studies: Sequence[Studies]) -> Mapping[Studies, list[list[Ran]]]:
    """Return what ran in all these studies. Those without a file run now, in a process on each core."""
    missing = [each for each in studies if not each.path.exists()]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("forkserver")) as pool:
        for each, found in zip(missing, pool.map(Studies.run, missing), strict=True):
            each.keep(found)
    return {each: each.read() for each in studies}


def _pruner(name: str) -> Pruner | None:
    return FixedPruner() if name == "fixed" else pruner_of(name)
