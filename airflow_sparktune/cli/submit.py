"""Submit a job from this shell: with a progress bar in a terminal, else with the driver's log."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import click

from airflow_sparktune.cli.segments import run_segments
from airflow_sparktune.cli.text import print_result, progress_text
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.launcher import Launcher, launcher_to
from airflow_sparktune.orchestrator.deploy.plan import plan
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.progress import followed
from airflow_sparktune.printable import printable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.study import Study

# Seconds between two updates of the progress bar.
REFRESH_S = 0.25


def submit(job: Job, *, master: str, conf: Mapping[str, Any]) -> int:
    """Run a job to its end and print its result; return the exit code."""
    live = sys.stdout.isatty()
    launcher = partial(_launcher, master, conf, output=_ignore if live else None)
    if job.segments is not None:
        return run_segments(job, job.segments, launcher=launcher, live=live)
    try:
        found = run_job(
            job,
            before=read_study(job.address).study,
            launcher=launcher,
            following=lambda _: _bar(job) if live else nullcontext(),
            again="the same command",
        )
    except SparktuneError as error:
        # The driver's last lines; without a terminal, they have been printed.
        if live and error.__cause__ is not None and str(error.__cause__) not in str(error):
            click.echo(printable(str(error.__cause__)), err=True)
        raise
    if found.known_before:
        click.echo(f"the study at {job.address} already has a result")
    if found.within_other_limits:
        note = "this result was found with other limits; run the same command to continue with these"
        click.echo(f"sparktune: {note}", err=True)
    if live or found.known_before:  # otherwise the driver's log has been printed, which ends with the result
        print_result(found.study)
    return 0


def print_plan(job: Job, *, master: str, conf: Mapping[str, Any], as_json: bool) -> int:
    """Check a job and print what would be submitted; return the exit code."""
    before = read_study(job.address).study
    found = plan(job, before=before, launcher=partial(_launcher, master, conf))
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else printable(found.text()))
    return 0


def _launcher(
    master: str, conf: Mapping[str, Any], *, output: Callable[[str], None] | None = None
) -> Launcher:
    install = SparkInstall.find("spark-submit")
    target = Target(master=master, deploy_mode="client", install=install, conf=conf)
    return launcher_to(target, output=output)


def _ignore(line: str) -> None:
    """Drop a line of the driver's log; an error has the last ones."""


@contextmanager
def _bar(job: Job) -> Iterator[None]:
    """Draw a progress bar from the journal in this context."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        bar = progress.add_task("starting Spark", total=job.spec.max_evals if job.spec else None)

        def draw(study: Study) -> None:
            progress.update(bar, completed=study.finished, description=progress_text(study))

        with followed(job.address, draw, every_s=REFRESH_S):
            yield
