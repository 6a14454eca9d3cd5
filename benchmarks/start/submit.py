"""Measures the time from spark-submit to the first trial, beside a bare application."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.launcher import Launcher, launcher_to
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.user_code import gather_code
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.definition.file import write_spec
from airflow_sparktune.study.journal.follow import read_study
from benchmarks.objectives import SPACE
from benchmarks.report import Findings, middle

QUESTION = "How long does it take from spark-submit to the first trial?"
TARGET = "at most 1.2 times a bare PySpark application that runs a job on every slot"
MASTER = "local[2]"
OBJECTIVE = Path(__file__).parents[1] / "objectives.py"


@dataclass(frozen=True, slots=True)
class Size:
    """`repeats` starts of each, in turns."""

    repeats: int


FULL = Size(repeats=7)
TINY = Size(repeats=1)


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Measure seconds to the end of the bare job, and to the start and end of our first trial."""
    rows: list[tuple[Any, ...]] = []
    for number in range(1, size.repeats + 1):
        bare_s = _bare_s()
        started_s, ended_s = _ours_s()
        rows.append((number, bare_s, started_s, started_s / bare_s, ended_s))
    rows.append(("median", *(middle([row[at] for row in rows]) for at in range(1, 5))))

    def draw(axes: Any) -> None:
        starts = [str(row[0]) for row in rows]
        axes.plot(starts, [row[1] for row in rows], "s-", label="bare application: its job is done")
        axes.plot(starts, [row[2] for row in rows], "o-", label="sparktune: the first trial starts")
        axes.set(xlabel="start", ylabel="seconds", ylim=(0, None))

    columns = ("start", "bare job done s", "first trial starts s", "ratio", "first trial ends s")
    return Findings(columns, rows, draw)


def _bare_s() -> float:
    with tempfile.TemporaryDirectory() as name:
        done = Path(name, "done")
        launcher = _launcher()
        bare = replace(
            launcher.submission(Job(address=name), Path(name)),
            application=str(Path(__file__).parent / "dags" / "bare_job.py"),
            arguments=(str(done),),
        )
        start = _follow(launcher, bare)
        return float(done.read_text()) - start


def _ours_s() -> tuple[float, float]:
    given = {"objective": f"{OBJECTIVE}:nap", "objective_kwargs": {"seconds": 0}, "space": SPACE}
    named, code = gather_code(given, bases=())
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as address:
        spec = Spec.of(**named, max_evals=1)
        write_spec(address, spec)
        launcher = _launcher()
        start = _follow(launcher, launcher.submission(Job(address=address, spec=spec, code=code), Path(name)))
        trial = read_study(address).study.trials[0]
        return (trial.start or 0.0) - start, (trial.end or 0.0) - start


def _launcher() -> Launcher:
    """Return the launcher of `sparktune run`."""
    target = Target(master=MASTER, deploy_mode="client", install=SparkInstall.find("spark-submit"))
    return launcher_to(target, output=lambda _: None)


def _follow(launcher: Launcher, submission: Submission) -> float:
    """Run the application to its end; returns when it was started."""
    started: list[float] = []
    failure = launcher.follow(submission, lambda: started.append(time.time()))
    if failure is not None:
        raise failure
    return started[0]
