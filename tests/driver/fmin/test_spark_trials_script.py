"""A complete script with SparkTrials, in a separate process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.stopping import StopReason
from airflow_sparktune.study.trial import TrialState

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]

SCRIPT = """
    import sys, time
    import numpy as np
    from hyperopt import fmin, hp, rand
    from airflow_sparktune import SparkTrials

    def loss(params):
        time.sleep(60 if params["x"] < lowest else 0)
        return params["x"] ** 2

    if __name__ == "__main__":
        lowest, timeout = map(float, sys.argv[1:])
        trials = SparkTrials(parallelism=2, timeout=timeout)
        best = fmin(loss, {"x": hp.uniform("x", -1, 1)}, rand.suggest, max_evals=12, trials=trials,
                    rstate=np.random.default_rng(3), show_progressbar=False, return_argmin=False)
        print(best["x"], trials.count_successful_trials(), trials.count_cancelled_trials(),
              type(trials._spark_context._gateway).__name__)
"""


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    submit = f"--master local[2] --conf spark.ui.enabled=false --conf spark.local.dir={folder}/spark"
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_SUBMIT_ARGS": f"{submit} {environment.pop('conf', '')} pyspark-shell",
            **environment,
        },
    )


def test_without_pinned_threads_the_timeout_cancels_all_running_trials(tmp_path: Path) -> None:
    process = start(tmp_path, "-0.2", "15", PYSPARK_PIN_THREAD="false", SPARKTUNE_STUDY=f"{tmp_path}/study")
    out, _ = process.communicate(timeout=90)
    _, succeeded, cancelled, gateway = out.splitlines()[-1].split()
    assert (int(cancelled), gateway) == (2, "JavaGateway")
    study = read_study(f"{tmp_path}/study").study
    assert study.closed is not None
    assert study.closed.reason is StopReason.TIMEOUT
    assert study.finished == int(succeeded) > 0
    assert study.result_stands


def test_a_killed_script_resumes(tmp_path: Path) -> None:
    address = f"{tmp_path}/study"
    conf = f"--conf spark.sparktune.study={address}"
    process = start(tmp_path, "-0.2", "600", conf=conf)
    until = time.monotonic() + 60
    while read_study(address).study.finished < 2 and time.monotonic() < until:
        time.sleep(0.2)
    # At some point, sleeping trials occupy both slots.
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    before = read_study(address).study
    assert before.closed is not None
    assert before.closed.reason is StopReason.KILLED

    out, _ = start(tmp_path, "-2", "600", conf=conf).communicate(timeout=90)
    best = float(out.split()[0])
    after = read_study(address).study
    assert after.result_stands
    assert after.finished == 12
    assert after.best is not None
    assert after.best.params == {"x": best}
    for number, trial in before.trials.items():
        if trial.state is TrialState.OK:
            assert after.trials[number] == trial
        assert after.trials[number].point == trial.point
