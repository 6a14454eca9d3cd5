"""`sparktune note`: print or write the note of a study."""

from __future__ import annotations

import getpass
import time

import click

from airflow_sparktune.cli.text import require_study
from airflow_sparktune.errors import SpecError
from airflow_sparktune.study.note import NoteChanged, read_note, write_note
from airflow_sparktune.study.storage import open_storage


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
