"""Measures how soon a task of Airflow has all slots busy, beside a task with a bare Spark application.

With SPARKTUNE_EARLIER set to a checkout of an earlier commit, a second Airflow runs the same study with it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.trial import Trial
from benchmarks.report import Findings, middle
from tests.integration.airflow_site import Run, Site, standalone

QUESTION = "How soon does a task of Airflow have all slots busy, and its result?"
TARGET = (
    "all slots busy no later than a bare application has run a job on every slot; the study in at most half "
    "the time that an earlier commit takes, where SPARKTUNE_EARLIER names a checkout of one"
)
ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True, slots=True)
class Size:
    """`repeats` runs of each DAG, in turns."""

    repeats: int


FULL = Size(repeats=7)
TINY = Size(repeats=1)


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of a study's task to the first trial, to all slots busy, to the end.

    `all_s` is from the trigger of the DAG run to the end of the task.
    """

    first_s: float
    busy_s: float
    end_s: float
    all_s: float


def measure(size: Size, *, peers: bool) -> Findings:  # noqa: ARG001 - the peer is the point
    """Measure both DAGs in turns in one Airflow."""
    columns = [
        "start", "bare job done s", "first trial s", "slots busy s", "ratio", "result s", "from trigger s",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    earlier_tree = os.environ.get("SPARKTUNE_EARLIER")
    if earlier_tree:
        columns += ["earlier commit s", "ratio"]
    with ExitStack() as running:
        here = running.enter_context(_airflow(ROOT))
        earlier = running.enter_context(_airflow(Path(earlier_tree))) if earlier_tree else None
        for site in filter(None, (here, earlier)):  # the first run of a DAG is slower
            _study(site, "warm-up")
        _bare_s(here, "warm-up")
        for number in range(1, size.repeats + 1):
            bare_s = _bare_s(here, f"r{number}")
            ours = _study(here, f"r{number}")
            row = (
                number, bare_s, ours.first_s, ours.busy_s, ours.busy_s / bare_s, ours.end_s, ours.all_s,
            )  # fmt: skip
            if earlier is not None:
                before_s = _study(earlier, f"r{number}").all_s
                row = (*row, before_s, ours.all_s / before_s)
            rows.append(row)
    rows.append(("median", *(middle([row[at] for row in rows]) for at in range(1, len(columns)))))

    def draw(axes: Any) -> None:
        starts = [str(row[0]) for row in rows]
        axes.plot(starts, [row[1] for row in rows], "s-", label="bare application: its job is done")
        axes.plot(starts, [row[3] for row in rows], "o-", label="sparktune: all slots are busy")
        axes.plot(starts, [row[5] for row in rows], "o--", label="sparktune: 40 trials of 0.2 s are done")
        axes.set(xlabel="start", ylabel="seconds from the task's start", ylim=(0, None))

    return Findings(columns, rows, draw)


@contextmanager
def _airflow(tree: Path) -> Iterator[Site]:
    """Run an Airflow with the package of `tree`."""
    environment = {
        "PYTHONPATH": str(tree),
        # The bare application needs the spark-submit and the Python of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        standalone(Path(home), bundles={"start": DAGS}, environment=environment) as site,
    ):
        yield site


def _bare_s(site: Site, name: str) -> float:
    """Seconds from the task's start to the end of the bare application's job."""
    instance = _run(site, "bare", name)
    return float((site.home / f"{name}.done").read_text()) - _seconds(instance["start_date"])


def _study(site: Site, name: str) -> Started:
    instance = _run(site, "study", name)
    start = _seconds(instance["start_date"])
    run = site.call("GET", f"dags/study/dagRuns/{name}")
    (journal,) = (site.home / "sparktune" / "study" / "run").glob(f"{name}*/g0")
    first_of: dict[int | None, float] = {}  # by slot
    for trial in read_study(str(journal)).study.trials.values():
        first_of[trial.slot] = min(_began(trial), first_of.get(trial.slot, float("inf")))
    end = _seconds(instance["end_date"])
    return Started(
        first_s=min(first_of.values()) - start,
        busy_s=max(first_of.values()) - start,
        end_s=end - start,
        all_s=end - _seconds(run["queued_at"]),
    )


def _began(trial: Trial) -> float:
    """When the objective was called."""
    return (trial.end or 0.0) - (trial.run_s or 0.0)


def _run(site: Site, dag: str, name: str) -> Any:
    """Run a DAG to its end; returns its task instance as Airflow's API describes it."""
    run: Run = site.trigger(dag, name)
    # Looked at rarely, because each look costs Airflow time.
    run.wait("success", "failed", task="run", every_s=3)
    instance = site.call("GET", run.path("run"))
    if instance["state"] != "success":
        raise RuntimeError(f"the task must succeed, got {instance['state']}; its log:\n{run.log('run')}")
    return instance


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
