"""Minimal objectives for the scenarios."""

import os
import random
import time
from pathlib import Path


def quadratic(params, sleep=0.0):
    time.sleep(sleep)
    return (params["x"] - 0.3) ** 2


def shifted(params, by):
    return {"loss": (params["x"] - by) ** 2, "by": by}


def learns(params, trial, sleep):
    """Report five losses, which fall to the one that it returns."""
    for step in range(1, 6):
        time.sleep(sleep)
        trial.report(step, quadratic(params) + 1 / step)
    return quadratic(params) + 1 / step


def load():
    return 0.3


def learns_from_data(params, trial, shared_data, sleep=0.0, gate=None):
    """Learn as `learns` does, with the target from shared data; trials from 8 on wait for a file `gate`."""
    while gate is not None and trial.number >= 8 and not Path(gate).exists():
        time.sleep(0.05)
    return learns({"x": params["x"] - shared_data + 0.3}, trial, sleep)


def learns_with_cores(params, trial, shared_data, sleep, gate):
    """Learn as `learns_from_data` does, and tell the trial's cores and threads."""
    loss = learns_from_data(params, trial, shared_data, sleep, gate)
    return {"loss": loss, "cpus": trial.cpus, "threads": os.environ["OPENBLAS_NUM_THREADS"]}


class OddAtThree:
    """Stops every trial with an odd number at step 3."""

    def stops(self, number, step, curves):
        return number % 2 == 1 and step == 3


def none(params):
    return None


def weekly(params, trial, week, region):
    """Return a noisy loss whose optimum moves in the second week in one region; another has no data then."""
    second = week >= "2026-11-09"
    if region == "fails" and second:
        raise ValueError("no data for this region")
    time.sleep(0.3)
    best = 0.8 if region == "drifts" and second else 0.3
    return (params["x"] - best) ** 2 + random.Random(trial.seed).gauss(0, 0.001)
