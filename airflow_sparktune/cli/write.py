"""`sparktune stop` and `sparktune note`: write a request or a person's note into the folder of a study."""

from __future__ import annotations

import getpass
import time

import click

from airflow_sparktune.cli.segments import stop_segments
from airflow_sparktune.cli.text import require_study, state_text
from airflow_sparktune.errors import SpecError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.files.note import NoteChanged, read_note, write_note
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.result.texts import best_text
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.study.storage import open_storage


@click.command()
@click.argument("study")
def stop_command(study: str) -> None:
    """Ask a running study to end with its best result so far.

    The driver cancels the running trials and closes the study with its best trial. The Airflow task succeeds,
    and its downstream tasks run. At the address of an application with segments, all of them stop; at that of
    a segment's study, only that one.
    """
    if (segments := read_segments(study)) is not None:
        stop_segments(study, segments, by=getpass.getuser())
        return
    found = require_study(study)
    if phase_of(found, now=time.time()).over:
        raise SpecError(
            f"only a running study can be stopped, but the one at {study} is not: {state_text(found)}"
        )
    attempt = found.attempts[-1].number
    request_stop(open_storage(study), attempt=attempt, by=getpass.getuser())
    best = best_text(summary(found))
    result = f"its best {found.metric.name} is {best}" if best else "none of its trials has succeeded yet"
    click.echo(printable(f"asked attempt {attempt} to stop; {result}"))


@click.command()
@click.argument("study")
@click.argument("text", required=False)
def note_command(study: str, text: str | None) -> None:
    """Print the note of a study, or write one.

    TEXT takes the place of the note; an empty TEXT removes it.

    \b
    sparktune note spec.study
    sparktune note spec.study "Before the price change; do not compare with June."
    """
    require_study(study)
    storage = open_storage(study)
    note = read_note(storage)
    if text is None:
        click.echo(note.text if note else "")
        return
    try:
        write_note(storage, text, replaces=note.number if note else 0, by=getpass.getuser(), wall=time.time)
    except NoteChanged as error:
        raise SpecError(str(error)) from None
