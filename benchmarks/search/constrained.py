"""Search under limits: guardrails on a metric, on constrained problems of the field.

Ours run through our own tuner, Optuna's by its own study with `Trial.set_constraint`.
"""

from __future__ import annotations

import json
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from airflow_sparktune.driver.engines.simulated import Ending, SimulatedLane, VirtualClock
from airflow_sparktune.driver.loop.stopping import StoppingRules
from airflow_sparktune.driver.loop.tuner import Tuner
from airflow_sparktune.driver.recorder import Recorder
from airflow_sparktune.driver.samplers import guarded, sampler_of
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.space import uniform
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.stopping import rules_of
from airflow_sparktune.study.storage import MemoryStorage
from benchmarks import report
from benchmarks.report import Findings
from benchmarks.search.cells import in_order
from benchmarks.search.verdict import sign_test

QUESTION = "How good is the search within guardrails?"
TARGET = "gp better than Optuna with its constraints on two thirds of the problems, after 64 and 128 trials"

Params = Sequence[float]


@dataclass(frozen=True, slots=True)
class Constrained:
    """A loss on a box, and constraints that must be at most 0. `best` is the best known feasible loss."""

    box: Sequence[tuple[float, float]]
    loss: Callable[[Params], float]
    constraints: Callable[[Params], Sequence[float]]
    best: float


@dataclass(frozen=True, slots=True)
class Size:
    """Studies of so many trials on each problem, with so many seeds."""

    problems: Sequence[str]
    trials: int
    seeds: int


def _gardner(x: Params) -> list[float]:
    return [math.cos(x[0]) * math.cos(x[1]) - math.sin(x[0]) * math.sin(x[1]) - 0.5]


def _gramacy(x: Params) -> list[float]:
    wave = 0.5 * math.sin(2 * math.pi * (x[0] ** 2 - 2 * x[1]))
    return [1.5 - x[0] - 2 * x[1] - wave, x[0] ** 2 + x[1] ** 2 - 1.5]


def _branin(x: Params) -> float:
    return (
        (x[1] - 5.1 * x[0] ** 2 / (4 * math.pi**2) + 5 * x[0] / math.pi - 6) ** 2
        + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0])
        + 10
    )


_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_P = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def _hartmann(x: Params) -> float:
    return -sum(
        weight * math.exp(-sum(a * (value - p) ** 2 for a, value, p in zip(row, x, centre, strict=True)))
        for weight, row, centre in zip((1.0, 1.2, 3.0, 3.2), _A, _P, strict=True)
    )


def _spring(x: Params) -> list[float]:
    wire, coil, turns = x
    return [
        1 - coil**3 * turns / (71785 * wire**4),
        (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4)) + 1 / (5108 * wire**2) - 1,
        1 - 140.45 * wire / (coil**2 * turns),
        (wire + coil) / 1.5 - 1,
    ]


def _vessel(x: Params) -> list[float]:
    shell, head, radius, length = x
    volume = math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3
    return [0.0193 * radius - shell, 0.00954 * radius - head, 1_296_000 - volume]


def _beam_loss(x: Params) -> float:
    return 1.10471 * x[0] ** 2 * x[1] + 0.04811 * x[2] * x[3] * (14 + x[1])


def _beam(x: Params) -> list[float]:
    weld, length, depth, width = x
    load, span, modulus, shear = 6000, 14, 30e6, 12e6
    moment = load * (span + length / 2)
    radius = math.sqrt(length**2 / 4 + ((weld + depth) / 2) ** 2)
    inertia = 2 * (math.sqrt(2) * weld * length * (length**2 / 12 + ((weld + depth) / 2) ** 2))
    direct, twist = load / (math.sqrt(2) * weld * length), moment * radius / inertia
    stress = math.sqrt(direct**2 + 2 * direct * twist * length / (2 * radius) + twist**2)
    buckling = (
        4.013 * modulus * math.sqrt(depth**2 * width**6 / 36) / span**2
        * (1 - depth / (2 * span) * math.sqrt(modulus / (4 * shear)))
    )  # fmt: skip
    return [
        stress / 13600 - 1,
        6 * load * span / (width * depth**2) / 30000 - 1,
        weld - width,
        4 * load * span**3 / (modulus * depth**3 * width) / 0.25 - 1,
        1 - buckling / load,
    ]


# Gardner et al. 2014; Gramacy et al. 2016; Gelbart et al. 2014 (Branin); Letham et al. 2019 (Hartmann);
# Coello 2002 (the others). The best losses are those of a long search by differential evolution.
PROBLEMS: Mapping[str, Constrained] = {
    "Gardner 2D": Constrained(
        ((0, 6),) * 2, lambda x: math.cos(2 * x[0]) * math.cos(x[1]) + math.sin(x[0]), _gardner, -2.0
    ),
    "Gramacy 2D": Constrained(((0, 1),) * 2, lambda x: x[0] + x[1], _gramacy, 0.599788),
    "Branin 2D": Constrained(
        ((-5, 10), (0, 15)), _branin, lambda x: [(x[0] - 2.5) ** 2 + (x[1] - 7.5) ** 2 - 50], 0.397887
    ),
    "Hartmann 6D": Constrained(
        ((0, 1),) * 6, _hartmann, lambda x: [math.sqrt(sum(value**2 for value in x)) - 1], -3.32237
    ),
    "tension spring 3D": Constrained(
        ((0.05, 0.5), (0.25, 1.3), (2, 15)), lambda x: x[0] ** 2 * x[1] * (x[2] + 2), _spring, 0.012665
    ),
    "welded beam 4D": Constrained(((0.125, 5), (0.1, 10), (0.1, 10), (0.1, 5)), _beam_loss, _beam, 1.724852),
    "pressure vessel 4D": Constrained(
        ((0.0625, 6.1875), (0.0625, 6.1875), (10, 200), (10, 200)),
        lambda x: (
            0.6224 * x[0] * x[2] * x[3]
            + 1.7781 * x[1] * x[2] ** 2
            + 3.1661 * x[0] ** 2 * x[3]
            + 19.84 * x[0] ** 2 * x[2]
        ),
        _vessel,
        5885.33,
    ),
}
FULL = Size(tuple(PROBLEMS), trials=128, seeds=10)
QUICK = Size(tuple(PROBLEMS), trials=64, seeds=2)
TINY = Size(("Gramacy 2D",), trials=20, seeds=1)
CONTESTANTS = ("random", "gp", "tpe", "Optuna")


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
    axes.set(xlabel="best feasible loss beyond the best known; random search = 1", xlim=(0, None))
    axes.legend(frameon=False, fontsize=8)


def _regret(name: str, who: str, seed: int, size: Size, after: int) -> float:
    """The best feasible loss after so many trials: 0 the best known, 1 random search's; at most 2."""
    best = PROBLEMS[name].best
    by_chance = [_lowest(_outcome(name, "random", seed, size.trials)[:after]) for seed in range(size.seeds)]
    known = [loss - best for loss in by_chance if loss is not None]
    found = _lowest(_outcome(name, who, seed, size.trials)[:after])
    if found is None:
        return 2.0
    return min(max(found - best, 0.0) / fmean(known), 2.0) if known else 0.0


def _lowest(found: Sequence[tuple[float, bool]]) -> float | None:
    return min((loss for loss, feasible in found if feasible), default=None)


@cache
def _outcome(name: str, who: str, seed: int, trials: int) -> list[tuple[float, bool]]:
    """The loss of each trial and whether it is feasible, run unless there is a file."""
    words = "".join(letter if letter.isalnum() else "_" for letter in f"{name}-{trials}-{seed}")
    path: Path = report.OUT / "constrained" / who / f"{words}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run = _by_optuna if who == "Optuna" else _by_us
        path.write_text(json.dumps(run(PROBLEMS[name], who, seed, trials)))
    return [(loss, feasible) for loss, feasible in json.loads(path.read_text())]


def _by_us(task: Constrained, who: str, seed: int, trials: int) -> list[tuple[float, bool]]:
    names = [f"x{at}" for at in range(len(task.box))]
    count = len(task.constraints([(low + high) / 2 for low, high in task.box]))

    def play(call: Call) -> Ending:
        x = [call.params[name] for name in names]
        info = {f"c{at}": value for at, value in enumerate(task.constraints(x))}
        after_s = 100.0 * math.exp(random.Random(f"{seed}:{call.trial.number}").gauss(0.0, 0.5))
        return Ending(after_s, reply=Reply(after_s, loss=task.loss(x), info=info))

    spec = Spec.of(
        objective="benchmarks:none",
        space={name: uniform(low, high) for name, (low, high) in zip(names, task.box, strict=True)},
        algo=who,
        max_evals=trials,
        seed=seed,
        retuning={"guardrails": {f"c{at}": {"max": 0.0} for at in range(count)}},
    )
    clock, storage = VirtualClock(), MemoryStorage()
    recorder = Recorder.open(
        storage, StudyFollower(storage), spec=spec, seed=seed, dimensions=(), take_over=True, wall=clock
    )
    Tuner(
        recorder=recorder,
        sampler=guarded(sampler_of(spec.space, spec.algo), spec),
        lane=SimulatedLane(clock, play, capacity=1),
        rules=StoppingRules(rules_of(spec), ran_s=0.0, clock=clock),
        clock=clock,
    ).run()
    held = [
        (trial.loss, [trial.metrics[f"c{at}"] for at in range(count)]) for trial in in_order(recorder.study)
    ]
    return [(loss, max(values) <= 0) for loss, values in held if loss is not None]


def _by_optuna(task: Constrained, who: str, seed: int, trials: int) -> list[tuple[float, bool]]:  # noqa: ARG001
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = []

    def objective(trial: Any) -> float:
        x = [trial.suggest_float(f"x{at}", low, high) for at, (low, high) in enumerate(task.box)]
        values = list(task.constraints(x))
        for at, value in enumerate(values):
            trial.set_constraint(f"c{at}", value)
        found.append((task.loss(x), max(values) <= 0))
        return task.loss(x)

    sampler = optuna.samplers.TPESampler(seed=seed)
    optuna.create_study(sampler=sampler).optimize(objective, n_trials=trials)
    return found
