"""When to stop: what `stop_when_converged` saves and loses, beside `no_progress`, on the same studies.

A stopping rule changes no suggestion. So each study runs once, to its end, with its trials in a file, and the
rules are asked afterwards at which trial they would have ended it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any

from airflow_sparktune.study.definition.rule import Margin
from airflow_sparktune.study.stopping import Converged, NoProgress, Rule
from airflow_sparktune.study.trial import Trial
from benchmarks import report
from benchmarks.report import Findings, panels
from benchmarks.search.cells import Cell, by_chance, found_by, in_order, play
from benchmarks.search.problems import PUBLISHED, problem

QUESTION = "What does stop_when_converged save, and what does it lose?"
TARGET = (
    "half of the regret that no_progress loses at equal trials; at most 0.85 of the trials at a regret "
    "higher by at most 0.02"
)


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials on each problem, with each number of slots and each seed."""

    problems: Sequence[str]
    slots: Sequence[int]
    trials: int
    seeds: int


FULL = Size(tuple(PUBLISHED), slots=(1, 16), trials=128, seeds=9)
QUICK = Size(("bbob6", "car", "layers", "noisy_bbob8"), slots=(1, 16), trials=128, seeds=2)
TINY = Size(("bbob6",), slots=(2,), trials=40, seeds=1)
_PATIENCES = (10, 15, 20, 25, 30, 40, 50, 60, 80)
# Stopping with hindsight: at the first trial whose result is within this of the last one's.
_CLOSE = 0.01


@dataclass(frozen=True, slots=True)
class Ended:
    """A study run to its end: its trials as they ended, and the regret of its result after each of them."""

    trials: Sequence[Trial]
    regrets: Sequence[float]

    def stopped_by(self, rule: Rule) -> int:
        """After how many trials a rule ends it."""
        for count, trial in enumerate(self.trials, 1):
            rule.tell(trial)
            if rule.reached(ran_s=0.0):
                return count
        return len(self.trials)

    def close_to_its_end(self) -> int:
        """After how many trials its result is close to the last one."""
        return next(at for at, regret in enumerate(self.regrets, 1) if regret <= self.regrets[-1] + _CLOSE)


@cache
def ended(cell: Cell) -> Ended:
    """Return the study of a cell, run unless there is a file; delete it to have it run again."""
    path = report.OUT / "convergence" / f"{cell.problem}-{cell.slots}-{cell.trials}-{cell.seed}.json"
    if not path.exists():
        _record(cell, path)
    data = json.loads(path.read_text())
    best = problem(cell.problem).best
    unit = by_chance(cell.problem, cell.trials) - best
    regrets = [min(max(loss - best, 0.0) / unit, 2.0) for loss in data["found"]]
    return Ended([Trial.from_json(each) for each in data["trials"]], regrets)


def _record(cell: Cell, path: Path) -> None:
    study = play(cell).study
    trials = [trial.to_json() for trial in in_order(study)]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps({"found": found_by(cell, study), "trials": trials}))
    unfinished.replace(path)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is another rule
    """Share of the trials and loss of regret of each rule, means over problems and seeds."""
    ways: Mapping[str, Callable[[Ended], int]] = {
        "with hindsight": Ended.close_to_its_end,
        "stop_when_converged": lambda study: study.stopped_by(Converged(Margin(0.0))),
        **{f"no_progress={count}": partial(_patient, count) for count in _PATIENCES},
    }
    found: dict[int, dict[str, tuple[float, float]]] = {}
    notes = [f"{len(size.problems)} problems, {size.seeds} seeds, {size.trials} trials"]
    for slots in size.slots:
        studies = {
            key: [ended(Cell(key, "gp", slots, size.trials, seed)) for seed in range(size.seeds)]
            for key in size.problems
        }
        found[slots] = {name: _mean(studies.values(), way) for name, way in ways.items()}
        notes += _by_problem(slots, studies, ways["stop_when_converged"])
        share, worse = found[slots]["stop_when_converged"]
        peer = _at(share, [found[slots][f"no_progress={count}"] for count in _PATIENCES])
        notes.append(f"{slots} slots: worse by {worse:.4f}, no_progress at equal trials by {peer:.4f}")
    rows = [(slots, name, *values) for slots, each in found.items() for name, values in each.items()]
    return Findings(("slots", "rule", "trials", "regret worse by"), rows, partial(_draw, found), notes)


def _patient(count: int, study: Ended) -> int:
    return study.stopped_by(NoProgress(count, least=0.0))


def _mean(groups: Any, way: Callable[[Ended], int]) -> tuple[float, float]:
    """The mean share of the trials, and by how much the regret is then above that of the whole study."""
    studies = [study for group in groups for study in group]
    stops = [way(study) for study in studies]
    shares = [stop / len(study.trials) for stop, study in zip(stops, studies, strict=True)]
    worse = [study.regrets[stop - 1] - study.regrets[-1] for stop, study in zip(stops, studies, strict=True)]
    return fmean(shares), fmean(worse)


def _at(share: float, points: Sequence[tuple[float, float]]) -> float:
    """The regret at a share of the trials, on the line through the points."""
    ordered = sorted([*points, (1.0, 0.0)])
    if share <= ordered[0][0]:
        return ordered[0][1]
    upper = next(at for at, point in enumerate(ordered) if point[0] >= share)
    (left, low), (right, high) = ordered[upper - 1], ordered[upper]
    return low + (high - low) * (share - left) / (right - left)


def _by_problem(
    slots: int, studies: Mapping[str, Sequence[Ended]], way: Callable[[Ended], int]
) -> Iterator[str]:
    for key, group in studies.items():
        share, worse = _mean([group], way)
        yield f"{slots} slots, {key}: {share:.2f} of the trials, worse by {worse:.4f}"


def _draw(found: Mapping[int, Mapping[str, tuple[float, float]]], axes: Any) -> None:
    for panel, (slots, ways) in zip(panels(axes, len(found), sharey=True), found.items(), strict=True):
        patient = [ways[f"no_progress={count}"] for count in _PATIENCES]
        panel.plot(*zip(*patient, strict=True), marker=".", label="no_progress=10 to 80")
        for name in ("stop_when_converged", "with hindsight"):
            panel.plot(*ways[name], marker="o", linestyle="", label=name)
        panel.set(title=f"{slots} slots", xlabel="share of the trials", ylabel="regret worse by")
        panel.legend(frameon=False, fontsize=8)
