"""Submit a job from this shell: with a progress bar in a terminal, else with the driver's log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import click

from airflow_sparktune.cli.text import print_result, progress_text
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, Target
from airflow_sparktune.orchestrator.deploy.process import die_with_parent
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.spark_conf import write_properties
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.deploy.way import Way
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

# Seconds between two updates of the progress bar.
REFRESH_S = 0.25


def shell_target(master: str, conf: Mapping[str, Any]) -> Callable[[], Target]:
    """Return a function that finds this shell's Spark. It is called only if there is something to run."""
    return lambda: Target(
        master=master, deploy_mode="client", install=SparkInstall.find("spark-submit"), conf=conf
    )


def submit(job: Job, *, before: Study, target: Callable[[], Target]) -> int:
    """Run a job to its end and print its result; return the exit code."""
    live = sys.stdout.isatty()
    found: list[Target] = []

    def finding() -> Target:
        found.append(target())
        return found[-1]

    def launch(way: Way, submission: Submission, start: Callable[[], None]) -> Exception | None:
        start()
        return _follow(way, submission, found[-1].master, job, live=live)

    outcome = run_job(job, before=before, target=finding, launch=launch, again="the same command")
    if outcome.known_before:
        click.echo(f"the study at {job.address} already has a result")
    if outcome.within_other_limits:
        note = "this result was found with other limits; run the same command to continue with these"
        click.echo(f"sparktune: {note}", err=True)
    if (
        live or outcome.known_before
    ):  # otherwise the driver's log has been printed, which ends with the result
        print_result(outcome.study)
    return 0


@dataclass(frozen=True, slots=True)
class _Child:
    """spark-submit as a child process of this shell, in client mode."""

    pid: int

    def end_in_cluster(self) -> None:
        """Do nothing: in client mode, nothing runs in a cluster."""


def _follow(way: Way, submission: Submission, master: str, job: Job, *, live: bool) -> Exception | None:
    """Run spark-submit to its end; return its error, or None."""
    write_properties(submission.properties, submission.conf)
    with (submission.folder / "driver.log").open("w+") as output:
        process = subprocess.Popen(
            submission.command("spark-submit", master),
            env={**os.environ, **submission.environment},
            cwd=submission.folder,
            stdin=subprocess.DEVNULL,
            stdout=output if live else None,
            stderr=subprocess.STDOUT if live else None,
            preexec_fn=die_with_parent(),
        )
        try:
            if live:
                _draw(process, job)
            process.wait()
        finally:
            way.kill(_Child(process.pid), submission)
            process.wait()
        if live and process.returncode:
            _print_tail(output)
    return RuntimeError(f"spark-submit ended with code {process.returncode}") if process.returncode else None


def _draw(process: subprocess.Popen[bytes], job: Job) -> None:
    """Draw a progress bar from the journal until the driver has ended."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    follower = StudyFollower(open_storage(job.address))
    with Progress(*columns) as progress:
        bar = progress.add_task("starting Spark", total=job.spec.max_evals if job.spec else None)
        update = partial(progress.update, bar)
        while process.poll() is None:
            time.sleep(REFRESH_S)
            follower.refresh()
            update(completed=follower.study.finished, description=progress_text(follower.study))


def _print_tail(output: IO[str], lines: int = 20) -> None:
    output.seek(0)
    click.echo("".join(output.readlines()[-lines:]), nl=False, err=True)
