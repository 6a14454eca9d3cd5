"""A task that is retuned in 52 weeks in a row, each with last week's champion and a warm start.

The optimum of a boosted model moves a little every week, or far in some weeks. Real attempts over simulated
slots on a virtual clock, with their journals and records in memory; each year is kept as a file.
"""

from __future__ import annotations

import json
import logging
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import fsspec

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from benchmarks import report
from benchmarks.report import Findings
from benchmarks.retuning.drift import boosting
from benchmarks.retuning.week import LOOK_S, SLOTS
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock

QUESTION = "What does a weekly retuning cost, and how good is what it keeps in production?"
TARGET = "stop_when_converged: fewer slot-hours than no_progress=15 at an equal loss"

WAYS: Mapping[str, Mapping[str, Any]] = {
    "all trials": {},
    "no_progress=15": {"no_progress": 15},
    "stop_when_converged": {"stop_when_converged": True},
}
# The standard deviation of a trial's loss, by how the optimum moves.
NOISE: Mapping[str, float] = {"a little every week": 0.01, "far in every tenth week": 0.02}


@dataclass(frozen=True, slots=True)
class Size:
    """So many weeks, of at most so many trials, with each number of seeds."""

    weeks: int
    trials: int
    seeds: int


FULL = Size(weeks=52, trials=100, seeds=3)
TINY = Size(weeks=2, trials=12, seeds=1)


@dataclass(frozen=True, slots=True)
class Week:
    """What a week's study cost, and how far what it left in production is from the best loss."""

    slot_hours: float
    trials: int
    repeats: int
    loss: float


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is another rule
    """Means over the weeks and the seeds; the first week, without a champion, is left out."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    rows = []
    for moves, noise in NOISE.items():
        for way in WAYS:
            weeks = [week for seed in range(size.seeds) for week in year(moves, way, seed, size)]
            cost = (
                fmean(getattr(week, name) for week in weeks) for name in ("slot_hours", "trials", "repeats")
            )
            rows.append((moves, way, *cost, fmean(week.loss for week in weeks) / noise))
    columns = (
        "the optimum moves",
        "rule",
        "slot-hours",
        "trials",
        "repeats",
        "loss beyond the best, in sd of noise",
    )
    return Findings(
        columns, rows, lambda axes: _draw(rows, axes), [f"{size.weeks} weeks, {size.seeds} seeds"]
    )


def _draw(rows: Sequence[tuple[Any, ...]], axes: Any) -> None:
    for moves, way, hours, *_, loss in rows:
        axes.plot(hours, loss, "o", label=f"{way}, {moves}")
    axes.set(xlabel="slot-hours of a week", ylabel="loss beyond the best, in sd of noise", ylim=(0, None))
    axes.legend(frameon=False, fontsize=7)


def year(moves: str, way: str, seed: int, size: Size) -> list[Week]:
    """Return the weeks but the first, run unless there is a file; delete it to have them run again."""
    words = "".join(
        letter if letter.isalnum() else "_" for letter in f"{moves}-{way}-{size.weeks}-{size.trials}-{seed}"
    )
    path = report.OUT / "year" / f"{words}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        weeks = list(_weeks(moves, way, seed, size))
        path.write_text(
            json.dumps([[week.slot_hours, week.trials, week.repeats, week.loss] for week in weeks])
        )
    return [Week(*each) for each in json.loads(path.read_text())[1:]]


def _weeks(moves: str, way: str, seed: int, size: Size) -> Iterator[Week]:
    root, clock = f"memory://year-{seed}", VirtualClock()
    for number, moved in enumerate(_optima(moves, seed, size.weeks)):
        problem, chance = boosting(moved=moved), f"{seed}:{number}"
        address = f"{root}/w{number}/g0"
        spec = Spec.of(
            objective="benchmarks:none",
            space=problem.space,
            seed=1_000 * seed + number,
            max_evals=size.trials,
            champions=root,
            retuning={"incumbent": "champion"},
            warm_start="previous",
            limits=WAYS[way],
        )

        def play(call: Call, problem: Any = problem, chance: str = chance) -> Ending:
            luck = random.Random(f"{chance}:{call.trial.seed}")
            loss = problem.loss(call.params) + luck.gauss(0.0, NOISE[moves])
            return Ending.ok(loss, after_s=100.0 * math.exp(luck.gauss(0.0, 0.5)))

        engine = SimulatedEngine(clock, play, capacity=SLOTS, look_s=LOOK_S)
        Attempt(SpecPlan(spec, engine), open_storage(address), address, clock=clock).run()
        yield _week(read_study(address).study, problem)
    fsspec.filesystem("memory").rm(root, recursive=True)


def _week(study: Study, problem: Any) -> Week:
    assert study.decision is not None, "no study of these fails"
    trials = len(study.searched)
    loss = problem.loss(study.decision.params) - problem.best
    return Week(study.slots_s / 3600, trials, len(study.trials) - trials, loss)


def _optima(moves: str, seed: int, weeks: int) -> Iterator[float]:
    """By which share of its range the optimum has moved, in each week."""
    chance, moved = random.Random(f"{moves}:{seed}"), 0.0
    for _ in range(weeks):
        yield moved
        if moves == "a little every week":
            moved = min(max(moved + chance.gauss(0.0, 0.02), -0.25), 0.5)
        elif chance.random() < 0.1:
            moved = chance.uniform(0.0, 0.5)
