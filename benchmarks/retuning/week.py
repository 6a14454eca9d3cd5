"""One week of the warm-start benchmark: the same studies with and without last week's, each kept as a file.

Real attempts over simulated slots on a virtual clock, with their journals and records in memory.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import fsspec

from airflow_sparktune.driver.attempt import Attempt
from airflow_sparktune.driver.samplers.base import Sampler
from airflow_sparktune.driver.spec_plan import SpecPlan
from airflow_sparktune.executor.evaluate import Call
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import TrialPurpose
from benchmarks import report
from benchmarks.retuning.drift import Drift
from benchmarks.retuning.prior import PriorSampler
from benchmarks.search.problems import Problem
from benchmarks.simulated import Ending, SimulatedEngine, VirtualClock

SLOTS = 4
LOOK_S = 1e6  # nothing changes between two trials' ends
# A warm week ends when so many trials after its warm points have improved nothing.
PATIENCE = 15
# The prior makes a study twice as slow: it is measured on so many seeds.
PRIOR_SEEDS = 5

# How this week's study begins, and what bounds it. A search alone shows what the points are worth; a week is
# the whole: incumbent, search, confirmation.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "cold": {},
    "warm": {"warm_start": "previous"},
    "prior": {},
    "cold week": {"retuning": {"incumbent": "champion"}},
    "short cold week": {"retuning": {"incumbent": "champion"}, "limits": {"no_progress": PATIENCE}},
    "warm week": {
        "retuning": {"incumbent": "champion"},
        "warm_start": "previous",
        "limits": {"no_progress": PATIENCE},
    },
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one study.

    `found` is the true loss of the best configuration after each trial of the search, `loss` that of what is
    in production afterwards, `slot_s` what its slots cost in seconds.
    """

    found: list[float]
    loss: float
    slot_s: float


def outcomes(pair: Drift, seed: int, *, trials: int, algo: str) -> Mapping[str, Outcome]:
    """Return the outcome of each way, all after the same study of last week; run unless there is a file."""
    words = "".join(letter if letter.isalnum() else "_" for letter in f"{algo}-{pair.name}-{trials}-{seed}")
    path = report.OUT / "warm_start" / f"{words}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _run_all(pair, seed, trials, algo)
        text = json.dumps({way: [item.found, item.loss, item.slot_s] for way, item in found.items()})
        path.write_text(text)
    return {way: Outcome(*item) for way, item in json.loads(path.read_text()).items()}


def _run_all(pair: Drift, seed: int, trials: int, algo: str) -> dict[str, Outcome]:
    memory = fsspec.filesystem("memory")
    root = f"memory://warm-start-{seed}"
    shape = {"max_evals": trials, "algo": algo}
    before = _study(pair.before, root, "before", seed, retuning={"incumbent": "champion"}, **shape)
    found = {}
    for way, given in WAYS.items():
        if way == "prior" and seed >= PRIOR_SEEDS:
            continue
        # A record of its own for each way: the study of another one would be the previous study.
        own = f"{root}/{way.replace(' ', '-')}"
        memory.copy(f"{root}/@champions", f"{own}/@champions", recursive=True)
        around = PriorSampler.of(before) if way == "prior" else None
        study = _study(pair.after, own, "now", 1_000 + seed, around=around, **shape, **given)
        found[way] = _outcome(study, pair.after)
    memory.rm(root, recursive=True)
    return found


def _study(
    problem: Problem,
    root: str,
    name: str,
    seed: int,
    *,
    around: Callable[[Sampler], Sampler] | None = None,
    **given: Any,
) -> Study:
    spec = Spec.of(objective="benchmarks:none", space=problem.space, seed=seed, champions=root, **given)
    clock = VirtualClock()

    def play(call: Call) -> Ending:
        # A trial's chance depends on its seed alone: the same for all that run with it.
        chance = random.Random(f"{seed}:{call.trial.seed}")
        after_s = 100.0 * math.exp(chance.gauss(0.0, 0.5))
        return Ending.ok(problem.loss(call.params) + problem.noise(chance), after_s=after_s)

    address = f"{root}/{name}/g0"
    plan = _Plan(spec, SimulatedEngine(clock, play, capacity=SLOTS, look_s=LOOK_S), around)
    Attempt(plan, open_storage(address), address, clock=clock).run()
    return read_study(address).study


class _Plan(SpecPlan):
    """A spec's plan over simulated slots; `around` wraps its sampler."""

    def __init__(
        self, spec: Spec, engine: SimulatedEngine, around: Callable[[Sampler], Sampler] | None
    ) -> None:
        super().__init__(spec, engine)
        self._around = around

    def sampler(self) -> Sampler:
        sampler = super().sampler()
        return sampler if self._around is None else self._around(sampler)


def _outcome(study: Study, problem: Problem) -> Outcome:
    found: list[float] = []
    lowest = true = math.inf
    for trial in study.ended_trials:
        if trial.purpose is not TrialPurpose.SEARCH or trial.loss is None:
            continue
        if trial.loss < lowest:
            lowest, true = trial.loss, problem.loss(trial.params)
        found.append(true)
    result = study.decision or study.best
    return Outcome(found, problem.loss(result.params) if result else math.inf, study.slots_s)
