"""One study of the contest, through our own tuner on a virtual clock. Each is kept as a file.

Where only recorded configurations can run, each suggestion of every contestant becomes the nearest that has
not run, and that is what the contestant learns.
"""

from __future__ import annotations

import json
import math
import random
from functools import cache
from pathlib import Path

from airflow_sparktune.driver.samplers import guarded, over
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.samplers.search_space import SearchSpace
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.executor.reply import Reply
from airflow_sparktune.study.definition import Spec
from benchmarks import report
from benchmarks.recorded import RecordedSampler
from benchmarks.search.cells import in_order
from benchmarks.search.constrained.field import FIELD
from benchmarks.search.constrained.problem import Constrained
from benchmarks.search.constrained.recorded import REAL, recorded
from benchmarks.simulated import Ending, VirtualClock
from benchmarks.study import opened, run

CONTESTANTS = ("random", "gp", "tpe", "Optuna")
PROBLEMS = (*FIELD, *REAL)


@cache
def problem(name: str) -> Constrained:
    """Return a problem, of the field or recorded."""
    return FIELD[name] if name in FIELD else recorded(REAL[name])


@cache
def outcome(name: str, who: str, seed: int, trials: int) -> list[tuple[float, bool]]:
    """Return the loss of each trial and whether it is feasible, run unless there is a file."""
    words = "".join(letter if letter.isalnum() else "_" for letter in f"{name}-{trials}-{seed}")
    path: Path = report.OUT / "constrained" / who / f"{words}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_run(problem(name), who, seed, trials)))
    return [(loss, feasible) for loss, feasible in json.loads(path.read_text())]


def _run(task: Constrained, who: str, seed: int, trials: int) -> list[tuple[float, bool]]:
    limited = [f"c{at}" for at in range(task.limits)]

    def play(call: Call) -> Ending:
        loss, values = task.outcome(call.params)
        after_s = 100.0 * math.exp(random.Random(f"{seed}:{call.trial.number}").gauss(0.0, 0.5))
        return Ending(after_s, reply=Reply(after_s, loss=loss, info=dict(zip(limited, values, strict=True))))

    spec = Spec.of(
        objective="benchmarks:none",
        space=task.space,
        algo="random" if who == "Optuna" else who,
        max_evals=trials,
        seed=seed,
        retuning={"guardrails": {name: {"max": 0.0} for name in limited}},
    )
    clock = VirtualClock()
    recorder = opened(spec, clock)
    run(recorder, _sampler(task, who, spec), play, slots=1, clock=clock)
    return [
        (trial.loss, all(trial.metrics[name] <= 0 for name in limited))
        for trial in in_order(recorder.study)
        if trial.loss is not None
    ]


def _sampler(task: Constrained, who: str, spec: Spec) -> Sampler:
    space = SearchSpace.of(task.space)
    if who == "Optuna":
        from benchmarks.search.constrained.peer import ConstrainedOptuna

        sampler: Sampler = ConstrainedOptuna(space)
    else:
        sampler = guarded(over(space, who), spec)
    return sampler if task.points is None else RecordedSampler(sampler, space, task.points)
