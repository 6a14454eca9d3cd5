"""Search within limits: problems of the field, and real trainings that were recorded.

`field` and `recorded` hold the problems, `studies` runs one study, `record` trains what is recorded.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from benchmarks.report import Findings
from benchmarks.search.constrained.studies import CONTESTANTS, PROBLEMS, outcome, problem
from benchmarks.search.verdict import sign_test

QUESTION = "How good is the search within guardrails?"
TARGET = "gp better than Optuna with its constraints on two thirds of the problems, after 64 and 128 trials"


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials on each problem, with so many seeds."""

    problems: Sequence[str]
    trials: int
    seeds: int


FULL = Size(PROBLEMS, trials=128, seeds=10)
QUICK = Size(PROBLEMS, trials=64, seeds=2)
TINY = Size(("Gramacy 2D", "boosting, size"), trials=20, seeds=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Mean regret of each contestant on each problem, after half of the trials and after all."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    rows: list[tuple[Any, ...]] = []
    notes = [f"{size.seeds} seeds, 1 slot; random search = 1; without a feasible trial, the regret is 2"]
    for after in (size.trials // 2, size.trials):
        wins = losses = 0
        for name in size.problems:
            found = {
                who: [_regret(name, who, seed, size, after) for seed in range(size.seeds)]
                for who in CONTESTANTS
            }
            means = [fmean(each) for each in found.values()]
            rows.append((after, name, *means, _error(found["gp"]), _error(found["Optuna"])))
            wins += means[1] < means[3]
            losses += means[1] > means[3]
        notes.append(
            f"after {after}: gp better than Optuna on {wins} of {len(size.problems)}, "
            f"p {sign_test(wins, losses):.3f}"
        )
    return Findings(
        ("trials", "problem", *CONTESTANTS, "gp's error", "Optuna's"),
        rows,
        lambda axes: _draw(rows, axes),
        notes,
    )


def _error(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _draw(rows: Sequence[tuple[Any, ...]], axes: Any) -> None:
    last = [row for row in rows if row[0] == rows[-1][0]]
    for at, who in enumerate(CONTESTANTS):
        axes.plot([row[2 + at] for row in last], [row[1] for row in last], "o", label=who)
    most = max(max(row[2 : 2 + len(CONTESTANTS)]) for row in last)
    label = "best feasible loss beyond the best known; random search = 1"
    axes.set(xlabel=label, xlim=(-0.02, 1.35 * most))  # with room for the legend


def _regret(name: str, who: str, seed: int, size: Size, after: int) -> float:
    """The best feasible loss after so many trials: 0 the best known, 1 random search's; at most 2."""
    best = problem(name).best
    by_chance = [_lowest(outcome(name, "random", seed, size.trials)[:after]) for seed in range(size.seeds)]
    known = [loss - best for loss in by_chance if loss is not None]
    found = _lowest(outcome(name, who, seed, size.trials)[:after])
    if found is None:
        return 2.0
    return min(max(found - best, 0.0) / fmean(known), 2.0) if known else 0.0


def _lowest(found: Sequence[tuple[float, bool]]) -> float | None:
    return min((loss for loss, feasible in found if feasible), default=None)
