"""The time that weighing run time saves: `gp` without and with `cost_aware`, for equal times and seeds.

The loop is our own, over simulated slots on a virtual clock. Each study is kept as a file.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.trial import TrialState
from benchmarks import report
from benchmarks.early_stopping.tables import Array
from benchmarks.report import Findings, panels
from benchmarks.search.timed import PUBLISHED, task_of
from benchmarks.simulated import Ending, VirtualClock
from benchmarks.study import SELDOM_S, opened, run

QUESTION = "Does weighing run time find the same loss in less time?"
TARGET = "at most 0.7 of the time where run times vary; never above 1.1 where they do not"

# The time of a study: what this many trials take on average, by the number of slots.
_TRIALS = {1: 64, 16: 128}
# Equal enough: this share of the way from what the first trials find to what the plain search ends with.
_CLOSE = 0.001
_FIRST = 6


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of each problem with each number of slots and each seed, within so many mean trials' time."""

    problems: Sequence[str]
    trials: Mapping[int, int]
    seeds: int


FULL = Size(tuple(PUBLISHED), _TRIALS, seeds=20)
QUICK = Size(("rounds_churn", "bbob6_x30", "bbob7_chance"), _TRIALS, seeds=4)
TINY = Size(("bbob6_x30",), {2: 16}, seeds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """A study: the seconds that it had, and the seconds at which its trials ended, with their losses."""

    budget_s: float
    ends: Sequence[float]
    losses: Sequence[float]

    def lowest(self) -> float:
        return min(self.losses)

    def reaches(self, loss: float) -> float | None:
        """The seconds after which a loss was reached, None if it was not."""
        return next((at for at, found in zip(self.ends, self.losses, strict=True) if found <= loss), None)

    def best_at(self, shares: Array) -> Array:
        """The lowest loss after each share of the time; that of the first trial before its end."""
        ended = np.searchsorted(self.ends, shares * self.budget_s, side="right")
        return np.minimum.accumulate(self.losses)[np.maximum(ended - 1, 0)]


@dataclass(frozen=True, slots=True)
class Cell:
    """A problem with so many slots, a time for so many trials on average, and a seed."""

    problem: str
    slots: int
    trials: int
    seed: int

    def run(self, *, aware: bool) -> Run:
        """Return the outcome of the study, which runs now unless there is a file."""
        way = "aware" if aware else "plain"
        words = f"{self.problem}-{self.slots}-{self.trials}-{self.seed}.json"
        path: Path = report.OUT / "cost" / way / words
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(_play(self, aware=aware)))
            unfinished.replace(path)
        data = json.loads(path.read_text())
        ends, losses = zip(*data["ran"], strict=True)
        return Run(data["budget_s"], ends, losses)


def _play(cell: Cell, *, aware: bool) -> dict[str, Any]:
    """Run the study of a cell until its time is up."""
    task, clock = task_of(cell.problem), VirtualClock()
    sampler = task.sampler()
    chosen: Mapping[int, int] = getattr(sampler, "chosen", {})

    def ending(call: Call) -> Ending:
        number = call.trial.number
        # A trial's chance depends on the seed and its number: the same both ways.
        chance = random.Random(f"{cell.seed}:{number}")
        loss, seconds = task.played(call.params, chosen.get(number, 0), chance)
        return Ending.ok(loss, after_s=seconds)

    # Whole seconds, which the virtual clock can reach exactly.
    budget_s = float(round(cell.trials * task.mean_s / cell.slots))
    spec = Spec.of(
        objective="benchmarks:none",
        space={"x": {"uniform": [0, 1]}},  # the sampler has the problem's
        algo="gp",
        timeout=budget_s,
        limits={"cost_aware": aware},
        seed=cell.seed,
    )
    recorder = opened(spec, clock)
    began = clock()
    run(recorder, sampler, ending, slots=cell.slots, clock=clock, look_s=SELDOM_S)
    ended = [trial for trial in recorder.study.ended_trials if trial.state is TrialState.OK]
    return {"budget_s": budget_s, "ran": [(trial.end - began, trial.loss) for trial in ended]}


@dataclass(frozen=True, slots=True)
class Pairs:
    """The studies of a problem with so many slots, by seed: plain ones and cost-aware ones."""

    plain: Sequence[Run]
    aware: Sequence[Run]

    @property
    def chance(self) -> float:
        """Return the loss that a trial by chance finds."""
        return median(loss for run in self.plain for loss in run.losses[:_FIRST])

    @property
    def goal(self) -> float:
        """Return the loss with which half of the plain studies end."""
        found = median(run.lowest() for run in self.plain)
        return found + _CLOSE * (self.chance - found)

    def row(self) -> tuple[float | None, ...]:
        """Mean trials, the ratio of expected times to the goal, the shares that missed it; plain first."""
        times = [[run.reaches(self.goal) for run in runs] for runs in (self.plain, self.aware)]
        missed = [fmean(time is None for time in each) for each in times]
        trials = [fmean(len(run.losses) for run in runs) for runs in (self.plain, self.aware)]
        budget_s = self.plain[0].budget_s
        plain, aware = (_expected(each, budget_s) for each in times)
        return (trials[0], trials[1], aware / plain if math.isfinite(aware) else None, *missed)

    def regrets(self, runs: Sequence[Run], shares: Array) -> Array:
        """The mean distance from what the plain search ends with, 1 for a trial by chance."""
        lowest = median(run.lowest() for run in self.plain)
        found = [(run.best_at(shares) - lowest) / (self.chance - lowest) for run in runs]
        return np.asarray(np.median(found, axis=0))


def _expected(times: Sequence[float | None], budget_s: float) -> float:
    """The expected time to a goal: all time that was spent, by the studies that reached it."""
    reached = [time for time in times if time is not None]
    spent = sum(reached) + budget_s * (len(times) - len(reached))
    return spent / len(reached) if reached else math.inf


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the plain search
    """The time to what the plain search ends with, as a share of what that takes."""
    rows, found = [], {}
    for slots, trials in size.trials.items():
        for key in size.problems:
            cells = [Cell(key, slots, trials, seed) for seed in range(size.seeds)]
            ways = ([cell.run(aware=aware) for cell in cells] for aware in (False, True))
            pairs = found[slots, key] = Pairs(*ways)
            rows.append((slots, key, *pairs.row()))
    notes = [f"{size.seeds} seeds"]
    for slots in size.trials:
        ratios = [row[4] for row in rows if row[0] == slots and row[4] is not None]
        notes.append(
            f"{slots} slots: geometric mean of the ratios {math.exp(fmean(map(math.log, ratios))):.2f}"
        )
    columns = ("slots", "problem", "trials", "cost-aware", "time ratio", "missed", "missed, cost-aware")
    return Findings(columns, rows, partial(_draw, found), notes)


def _draw(found: Mapping[tuple[int, str], Pairs], axes: Any) -> None:
    shares = np.linspace(0.02, 1.0, 99)
    numbers = list(dict.fromkeys(slots for slots, _ in found))
    for panel, slots in zip(panels(axes, len(numbers), sharey=True), numbers, strict=True):
        pairs = [each for (count, _), each in found.items() if count == slots]
        for name in ("plain", "aware"):
            curves = [each.regrets(getattr(each, name), shares) for each in pairs]
            panel.plot(
                shares, np.mean(curves, axis=0), label={"plain": "gp", "aware": "gp, cost-aware"}[name]
            )
        panel.set(
            title=f"{slots} slots", xlabel="share of the time", ylabel="distance from the plain search's end"
        )
        panel.set_yscale("symlog", linthresh=0.01)
        panel.legend(frameon=False, fontsize=8)
