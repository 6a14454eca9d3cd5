"""Print studies for people, with rounded numbers; `--json` prints exact values."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from airflow_sparktune.errors import StorageError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.result import Summary, iso, summary
from airflow_sparktune.study.result.texts import best_text, texts
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial, TrialState

# Seconds between two updates of a progress bar.
REFRESH_S = 0.25


def complain(*problems: str) -> None:
    """Print problems to standard error."""
    for problem in problems:
        click.echo(f"sparktune: {printable(problem)}", err=True)


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in a pipe, each row is one line of any length."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(Text(printable(name)), no_wrap=True) for name in head), box=None)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 1_000).print(table)


@contextmanager
def progress_bar(total: int | None) -> Iterator[Callable[[int, str], None]]:
    """Draw a progress bar in this context; yield the function that updates its number and its text."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        bar = progress.add_task("starting Spark", total=total)
        yield lambda done, text: progress.update(bar, completed=done, description=text)


def require_study(address: str) -> Study:
    """Return the study at an address; print problems of its journal to standard error."""
    follower = read_study(address)
    if not follower.study.attempts:
        raise StorageError(f"a study folder must hold a journal, found none at {address}; check the path")
    complain(*follower.problems)
    return follower.study


def progress_text(study: Study) -> str:
    """Return a description of a running study, for the progress bar."""
    if not study.attempts:
        return "starting Spark"
    found = summary(study)
    best = best_text(found)
    text = f"best {best}" if best else "no result yet"
    return f"{text}, {failed} failed" if (failed := found.counts["failed"]) else text


def result_of(study: Study) -> Summary:
    """Return the summary of a study up to now if its driver runs, else without running trials."""
    now = time.time()
    return summary(study, now=now) if phase_of(study, now=now).at_work else summary(study).cut_off()


def trials_of(study: Study) -> list[Trial]:
    """Return the trials of a study by number; without a driver, those that have not ended were cut off."""
    trials = [study.trials[number] for number in sorted(study.trials)]
    if phase_of(study, now=time.time()).at_work:
        return trials
    running = TrialState.RUNNING
    return [replace(each, state=TrialState.CANCELLED) if each.state is running else each for each in trials]


def result_texts(study: Study) -> dict[str, str]:
    """Return the lines that describe a study's result, by name."""
    phase = phase_of(study, now=time.time())
    return texts(result_of(study), state=f"{phase.text}; last update {iso(study.attempts[-1].last)}")


def state_text(study: Study) -> str:
    """Return why a study ended, or its phase and the time of its last event."""
    found = result_texts(study)
    return found.get("ended") or found["state"]


def print_result(study: Study) -> None:
    """Print the result of a study."""
    found = result_texts(study)
    width = max(map(len, found)) + 2
    for name, text in found.items():
        click.echo(printable(f"{name:<{width}}{text}"))
