"""One contestant of the benchmark shared_data, in a process family of its own.

    python -m benchmarks.spark.shared_one WHO MEGABYTES SLOTS

Prints a JSON list: for each trial its process, its start and its end, in seconds since 1970.
Stands alone, for Ray may be installed in another Python.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

# A trial reads all of the data, and lasts long enough for every slot to have one.
TRIAL_S = 1.0
ROUNDS = 4

# The process, the start and the end by the wall clock.
Trials = list[tuple[int, float, float]]


def load() -> Any:
    """The data: one array of the size that the environment names."""
    megabytes = float(os.environ["SHARED_MEGABYTES"])
    return np.random.default_rng(1).random(int(megabytes * 131_072)) if megabytes else np.zeros(1)


def loss(params: Any, shared_data: Any) -> dict[str, Any]:
    """Read all of it."""
    total = float(shared_data.sum())
    time.sleep(TRIAL_S)
    return {"loss": params["x"], "total": total, "pid": os.getpid()}


def sparktune(slots: int) -> Trials:
    """Ours: `shared_data`."""
    import tempfile

    from airflow_sparktune.driver.spec_plan import run_spec
    from airflow_sparktune.study.definition import Spec
    from airflow_sparktune.study.journal.follow import read_study
    from airflow_sparktune.study.storage import open_storage
    from benchmarks.spark.session import Session

    session = Session(slots)
    spec = Spec.of(
        objective="benchmarks.spark.shared_one:loss",
        execution={"shared_data": "benchmarks.spark.shared_one:load"},
        space={"x": {"uniform": [0, 1]}},
        max_evals=slots * ROUNDS,
        parallelism=slots,
        algo="random",
    )
    with tempfile.TemporaryDirectory() as folder:
        run_spec(open_storage(folder), folder, spec)
        trials = sorted(read_study(folder).study.trials.values(), key=lambda trial: trial.start or 0.0)
    session.close()
    return [(trial.info["pid"], trial.start or 0.0, trial.end or 0.0) for trial in trials]


def broadcast(slots: int) -> Trials:
    """A plain broadcast of Spark's, read by single-task jobs from a thread pool."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from benchmarks.spark.session import Session

    session = Session(slots)
    context = session.spark.sparkContext
    data = context.broadcast(load())
    one_task = context.parallelize([0], 1)

    def trial(_: int) -> tuple[int, float, float]:
        start = time.time()
        (pid,) = one_task.mapPartitions(partial(_read, data)).collect()
        return pid, start, time.time()

    with ThreadPoolExecutor(slots) as pool:
        trials = list(pool.map(trial, range(slots * ROUNDS)))
    session.close()
    return trials


def ray(slots: int) -> Trials:
    """Ray Tune: `tune.with_parameters`."""
    import ray
    from ray import tune

    ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

    def trainable(config: Any, data: Any) -> dict[str, Any]:
        start = time.time()
        data.sum()
        time.sleep(TRIAL_S)
        return {"loss": config["x"], "pid_": os.getpid(), "start_": start, "end_": time.time()}

    tuner = tune.Tuner(
        tune.with_parameters(trainable, data=load()),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            num_samples=slots * ROUNDS, reuse_actors=True, max_concurrent_trials=slots
        ),
        run_config=tune.RunConfig(verbose=0),
    )
    results = [each.metrics for each in tuner.fit()]
    ray.shutdown()
    return sorted(
        ((each["pid_"], each["start_"], each["end_"]) for each in results), key=lambda trial: trial[1]
    )


def _read(data: Any, rows: Any) -> Any:
    list(rows)
    data.value.sum()
    time.sleep(TRIAL_S)
    yield os.getpid()


CONTESTANTS: dict[str, Callable[[int], Trials]] = {
    "sparktune": sparktune,
    "broadcast": broadcast,
    "Ray": ray,
}

if __name__ == "__main__":
    who, megabytes, slots = sys.argv[1:]
    os.environ["SHARED_MEGABYTES"] = megabytes
    found = CONTESTANTS[who](int(slots))
    sys.stdout.write("\n" + json.dumps(found) + "\n")
