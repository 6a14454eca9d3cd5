"""`python -m benchmarks.early_stopping.lessons`: what should `gp` learn from a pruned trial?

The pruner is `median`, the problems are those for choosing.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from statistics import fmean, median, stdev

import numpy as np

from airflow_sparktune.driver.pruners import pruner_of
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState
from benchmarks.early_stopping.recorded import CHOOSING, problem
from benchmarks.early_stopping.replay import replay
from benchmarks.early_stopping.verdict import regret
from benchmarks.recorded import Lesson
from benchmarks.report import table

SLOTS, SEEDS, TRIALS = (4, 16), 8, 100


def _with_loss(trial: Trial, study: Study, loss: float) -> Trial:
    """Return the trial with a loss, but not as a good one: losses at different steps may not compare."""
    ends = [each.loss for each in study.ended_trials if each.loss is not None]
    return replace(trial, state=TrialState.OK, loss=max(loss, median(ends)))


def _reported(trial: Trial, study: Study) -> Trial:
    return _with_loss(trial, study, min(study.curves[trial.number].losses))


def _estimate(trial: Trial, study: Study, *, deviations: float) -> Trial:
    """Return the trial with its final loss as the finished curves predict it, by a line through their losses.

    It is lower by so many standard deviations of what they miss the line by.
    """
    curve = study.curves[trial.number]
    count = len(curve.losses)
    done = [each for each in study.ended_trials if each.state is TrialState.OK]
    there = np.array([min(study.curves[each.number].losses[:count]) for each in done])
    ends = np.array([each.loss for each in done], dtype=float)
    if np.ptp(there) == 0:
        return _reported(trial, study)
    slope = max(float(np.polyfit(there, ends, 1)[0]), 0.0)
    predicted = ends.mean() + slope * (min(curve.losses) - there.mean())
    missed = np.std(ends - ends.mean() - slope * (there - there.mean()))
    return _with_loss(trial, study, float(predicted - deviations * missed))


LESSONS: Mapping[str, Lesson] = {
    "the worst loss": lambda trial, _: trial,
    "nothing": lambda *_: None,
    "what it reported": _reported,
    "an estimate of its end": partial(_estimate, deviations=0.0),
    "the lower end of that": partial(_estimate, deviations=1.0),
}


def study_regret(case: tuple[str, str, int, int]) -> float:
    """Return the final loss of a study: 0 the best that is recorded, 1 the average of random search."""
    logging.getLogger("airflow_sparktune").setLevel(logging.ERROR)
    name, lesson, slots, seed = case
    ran = replay(
        name, "gp", pruner_of("median"), slots=slots, trials=TRIALS, seed=seed, lesson=LESSONS[lesson]
    )
    return regret(problem(name), ran, TRIALS)


def main() -> None:
    """Print the mean final loss of each way, and how much it is above that of the first one."""
    keys = [(name, slots, seed) for name in CHOOSING for slots in SLOTS for seed in range(SEEDS)]
    cases = [(name, lesson, slots, seed) for lesson in LESSONS for name, slots, seed in keys]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("forkserver")) as pool:
        found = dict(zip(cases, pool.map(study_regret, cases), strict=True))
    first, rows = next(iter(LESSONS)), []
    for lesson in LESSONS:
        above = [found[name, lesson, *key] - found[name, first, *key] for name, *key in keys]
        means = (fmean(found[at, lesson, *key] for at, *key in keys if at == name) for name in CHOOSING)
        rows.append((lesson, *means, fmean(above), stdev(above) / math.sqrt(len(above))))
    print(table(("gp learns", *CHOOSING, "above the first", "standard error"), rows))


if __name__ == "__main__":
    main()
