"""Submit a job from this shell: with a progress bar in a terminal, else with the driver's log; or try it."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import click

from airflow_sparktune import connections
from airflow_sparktune.cli.segments import run_segments
from airflow_sparktune.cli.text import REFRESH_S, complain, print_result, progress_bar, progress_text
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.orchestrator.deploy.job import Job, Target
from airflow_sparktune.orchestrator.deploy.launcher import Launcher, launcher_of, launcher_to
from airflow_sparktune.orchestrator.deploy.plan import plan
from airflow_sparktune.orchestrator.deploy.run import run_job
from airflow_sparktune.orchestrator.deploy.spark_install import SparkInstall
from airflow_sparktune.orchestrator.task.progress import repeated, study_look
from airflow_sparktune.printable import printable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.storage import connection_of
from airflow_sparktune.study.study import Study

# How many lines of the driver's log follow a failed check.
LAST_LINES = 20
# A line of Java's stack. Spark's messages quote other stacks without the "at".
_FRAME = re.compile(r"\s*(at )?[\w.$<>/]+\(.*\)")
# How a check of the platform went, by its state.
_MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}


def submit(job: Job, *, master: str, conf: Mapping[str, Any]) -> int:
    """Run a job to its end and print its result; return the exit code."""
    live = sys.stdout.isatty()
    launcher = partial(_launcher, master, conf, output=_ignore if live else None)
    try:
        if job.segments is not None:
            return run_segments(job, job.segments, launcher=launcher, live=live)
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
        complain("this result was found with other limits; run the same command to continue with these")
    if live or found.known_before:  # otherwise the driver's log has been printed, which ends with the result
        print_result(found.study)
    return 0


def print_plan(job: Job, *, master: str, conf: Mapping[str, Any], as_json: bool) -> int:
    """Check a job and print what would be submitted; return the exit code."""
    before = read_study(job.address).study
    found = plan(job, before=before, launcher=partial(_launcher, master, conf))
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else printable(found.text()))
    return 0


def print_diagnosis(
    storage: str | None,
    *,
    conn_id: str | None,
    master: str,
    conf: Mapping[str, Any],
    timeout: float,
    as_json: bool,
) -> int:
    """Check the platform and print what was found; return the exit code."""
    from airflow_sparktune.orchestrator.doctor import examine

    lines = deque[str](maxlen=LAST_LINES)

    def keep(line: str) -> None:
        if line.strip() and not _FRAME.fullmatch(line):
            lines.append(line)

    launcher: Callable[[], Launcher] = partial(_launcher, master, conf, output=keep)
    with redirect_stdout(sys.stderr):  # Airflow's own log
        if conn_id is not None:
            from airflow_sparktune.orchestrator.task.storage import storage_root

            launcher = partial(launcher_of, conn_id, conf, output=keep)
            storage = storage_root(storage)
            for name in filter(None, (conn_id, connection_of(storage))):
                connections.offer(name)
        found = examine(storage or str(Path.cwd()), launcher, timeout=timeout)
    if not found.healthy and lines:
        click.echo(printable("\n".join(["the end of the driver's log:", *lines, ""])), err=True)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        for each in found.checks:
            click.echo(printable(f"{_MARKS[each.state]} {each.name:<20}{each.text}"))
    if found.healthy:
        return 0
    return 1 if found.retryable else 2


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
    with progress_bar(job.spec.max_evals if job.spec else None) as show:

        def draw(study: Study) -> None:
            show(study.finished, progress_text(study))

        with repeated(study_look(job.address, draw), every_s=REFRESH_S):
            yield
