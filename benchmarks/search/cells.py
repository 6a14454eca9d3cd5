"""One study of the judge: our own tuner over simulated slots on a virtual clock. Each is kept as a file."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers import sampler_of
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.events import Recommended, TrialChanged
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial
from benchmarks import report
from benchmarks.search.problem import Problem
from benchmarks.search.problems import problem
from benchmarks.simulated import Ending, VirtualClock
from benchmarks.study import opened, run

# The contestants: the name in the tables, and the `algo` of the spec. GPSampler needs torch.
CONTESTANTS: Mapping[str, str] = {
    "random": "random",
    "hyperopt TPE": "hyperopt.tpe:suggest",
    "tpe": "tpe",
    "gp": "gp",
    "Optuna": "optuna:TPESampler",
    "GPSampler": "optuna:GPSampler",
}
_SPREAD = 0.5  # the standard deviation of the logarithm of a trial's seconds
_REFERENCE_POOL, _REFERENCE_DRAWS = 4_000, 400


@dataclass(frozen=True, slots=True)
class Cell:
    """A contestant on a problem, with so many slots, trials and a seed."""

    problem: str
    contestant: str
    slots: int
    trials: int
    seed: int

    @property
    def path(self) -> Path:
        """Return the file that keeps the outcome; delete it to have the cell run again."""
        words = f"{self.problem}-{self.slots}-{self.trials}-{self.seed}.json"
        return report.OUT / "search" / self.contestant.replace(" ", "_") / words

    def outcome(self) -> Outcome:
        """Return the outcome of the cell, which runs now unless there is a file."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            found = _run(self)
            unfinished = self.path.with_suffix(".tmp")
            unfinished.write_text(json.dumps({"found": found.found, "ask_s": found.ask_s}))
            unfinished.replace(self.path)
        return _read(self.path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found`: the true loss of the result after each trial; `ask_s`: seconds of all asks.

    The result is the trial with the lowest loss, unless the sampler recommends another.
    """

    found: list[float]
    ask_s: float


@cache
def _read(path: Path) -> Outcome:
    return Outcome(**json.loads(path.read_text()))


def _run(cell: Cell) -> Outcome:
    recorder = play(cell)
    return Outcome(found_by(cell, recorder.study), recorder.watch.seconds["ask_s"])


def play(cell: Cell) -> Recorder:
    """Run the study of a cell to its end."""
    task, clock = problem(cell.problem), VirtualClock()

    def ending(call: Call) -> Ending:
        # A trial's chance depends on nothing but its number: the same for each contestant.
        chance = random.Random(f"{cell.seed}:{call.trial.number}")
        after_s = 100.0 * math.exp(chance.gauss(0.0, _SPREAD))
        return Ending.ok(task.loss(call.params) + task.noise(chance), after_s=after_s)

    spec = Spec.of(
        objective="benchmarks:none",
        space=task.space,
        algo=CONTESTANTS[cell.contestant],
        max_evals=cell.trials,
        seed=cell.seed,
    )
    sampler = sampler_of(spec.space, spec.algo)
    recorder = opened(spec, clock)
    run(recorder, sampler, ending, slots=cell.slots, clock=clock)
    return recorder


def in_order(study: Study) -> list[Trial]:
    """The trials in the order in which they ended."""
    return sorted(study.ended_trials, key=lambda trial: (trial.end, trial.number))


def found_by(cell: Cell, study: Study) -> list[float]:
    """The true loss of a study's result after each trial."""
    task = problem(cell.problem)
    judge, replayed = sampler_of(task.space, CONTESTANTS[cell.contestant]), Study()
    found = []
    for trial in in_order(study):
        judge.tell(trial)
        replayed.apply(TrialChanged(trial=trial))
        if (best := judge.recommend()) is not None:
            replayed.apply(Recommended(trial=best.number, loss=best.loss, noise=best.noise))
        assert replayed.best is not None, "no trial of these problems fails"
        found.append(task.loss(replayed.best.params))
    return found


@cache
def by_chance(key: str, trials: int) -> float:
    """The mean true loss of what random search holds for the best after so many trials."""
    path = report.OUT / "search" / "reference" / f"{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_drawn(problem(key))))
    pool = json.loads(path.read_text())
    chance = random.Random(0)
    found = [min(chance.sample(pool, trials))[1] for _ in range(_REFERENCE_DRAWS)]
    return sum(found) / len(found)


def _drawn(task: Problem) -> list[tuple[float, float]]:
    """Configurations by chance: the loss that a trial would see, and the true one."""
    sampler, chance = sampler_of(task.space, "random"), random.Random(0)
    found = []
    for number in range(_REFERENCE_POOL):
        true = task.loss(sampler.ask(number, seed=number).params)
        found.append((true + task.noise(chance), true))
    return found


def regret(cell: Cell, after: int) -> float:
    """0 for the best that is known, 1 for what random search reaches with as many trials; at most 2."""
    best = problem(cell.problem).best
    found = cell.outcome().found[after - 1] - best
    return min(max(found, 0.0) / (by_chance(cell.problem, after) - best), 2.0)
