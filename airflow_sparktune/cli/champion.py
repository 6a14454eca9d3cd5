"""`sparktune champion`: the configuration in production as recorded, its history, and rollback."""

from __future__ import annotations

import getpass
import json
import time

import click

from airflow_sparktune.cli.text import complain
from airflow_sparktune.errors import SpecError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.formatting import number, params
from airflow_sparktune.study.record.champions import Champions, segments
from airflow_sparktune.study.record.entries import Entry
from airflow_sparktune.study.result import iso


@click.command()
@click.argument("root")
@click.option("--segment", help="The segment. Unset: all segments.")
@click.option("--history", is_flag=True, help="Print every entry of the record, newest last.")
@click.option("--restore", type=int, metavar="N", help="Restore entry N; the record gets an entry about it.")
@click.option("--json", "as_json", is_flag=True, help="Print unrounded entries as JSON, one per line.")
def champion_command(
    root: str, segment: str | None, history: bool, restore: int | None, as_json: bool
) -> None:
    """Print the champion of a task or its history, or restore an earlier one.

    ROOT is the folder or URL that holds the task's studies.

    \b
    sparktune champion ~/airflow/sparktune/retune_weekly/tune
    sparktune champion ~/airflow/sparktune/retune_weekly/tune --history
    sparktune champion ~/airflow/sparktune/retune_weekly/tune --restore 3
    """
    unreadable = list[str]()
    names = segments(root, unreadable)
    complain(*(f"the record of champions in {folder} cannot be read" for folder in unreadable))
    if not names:
        raise SpecError(
            f"ROOT must hold a record of champions, found none below {root}; give the folder of a task that "
            "has run with an incumbent, such as STORAGE/DAG/TASK"
        )
    if segment is not None:
        if segment not in names:
            known = ", ".join(sorted(str(name) for name in names if name is not None)) or "none"
            raise SpecError(f"--segment must have a champion, got {segment!r}; segments with one: {known}")
        names = [segment]
    if restore is not None:
        if len(names) > 1:
            raise SpecError("--restore must name one champion; add --segment NAME")
        entries = [Champions(root, names[0]).restore(restore, at=time.time(), by=getpass.getuser())]
    else:
        entries = [entry for name in names for entry in _entries(Champions(root, name), history=history)]
    for entry in entries:
        text = json.dumps(entry.to_json()) if as_json else _line(entry)
        click.echo(printable(text))


def _entries(champions: Champions, *, history: bool) -> list[Entry]:
    if not history:
        champion = champions.current()
        return [] if champion is None else [champion]
    problems: list[str] = []
    found = champions.history(problems)
    complain(*problems)
    return found


def _line(entry: Entry) -> str:
    when = (iso(entry.at) or "")[:16]
    segment = "" if entry.segment is None else f"{entry.segment}  "
    metric = entry.metric
    loss = "" if entry.loss is None else f"  {metric.name} {number(metric.shown(entry.loss))}"
    by = "" if entry.by is None else f" (by {entry.by})"
    what = f"{segment}{entry.action.value:<8}{loss}  {params(entry.params)}"
    return f"{entry.number:>3}  {when}  {what}  {entry.reason}{by}"
