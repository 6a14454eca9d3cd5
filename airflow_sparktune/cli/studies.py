"""`sparktune list` and `compare`: several studies at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from airflow_sparktune.cli.words import ending, existing, facts, number, params
from airflow_sparktune.study.journal.bounds import printable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.result import iso
from airflow_sparktune.study.spec import FIELDS
from airflow_sparktune.study.storage import Storage, open_storage
from airflow_sparktune.study.study import Study

# A folder with this one in it is a study; Airflow's lie five folders below their root.
ATTEMPTS = "attempts"
DEEPEST = 6


@click.command()
@click.argument("root", default=".")
def list_command(root: str) -> None:
    """List the studies below a folder or URL.

    \b
    sparktune list
    sparktune list ~/airflow/sparktune
    """
    storage = open_storage(root)
    for folder in _studies(storage, "", DEEPEST):
        study = read_study(f"{root.rstrip('/')}/{folder}").study
        if study.attempts:
            click.echo(printable(_line(folder or ".", study)))


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def compare_command(first: str, second: str) -> None:
    """Print two studies side by side: their results, and where their specs differ."""
    studies = [existing(first), existing(second)]
    rows = [("", first, second), *_results(*studies), *_differences(*studies)]
    left = max(len(row[0]) for row in rows)
    middle = max(len(row[1]) for row in rows)
    for name, a, b in rows:
        click.echo(printable(f"{name:<{left}}  {a:<{middle}}  {b}").rstrip())


def _studies(storage: Storage, folder: str, depth: int) -> Iterator[str]:
    names = storage.names(folder)
    if ATTEMPTS in names:
        yield folder
    elif depth > 0:
        for name in names:
            yield from _studies(storage, f"{folder}/{name}" if folder else name, depth - 1)


def _line(name: str, study: Study) -> str:
    best = number(study.best.loss) if study.best else "-"
    last = (iso(study.attempts[-1].last) or "")[:16].replace("T", " ")
    return f"{last}  {study.finished:>6} trials  best {best:<10} {name}  {ending(study)}"


def _results(a: Study, b: Study) -> Iterator[tuple[str, str, str]]:
    left, right = facts(a), facts(b)
    for name in {**left, **right}:
        if name != "best params":
            yield name, left.get(name, ""), right.get(name, "")
    yield "running time", f"{a.elapsed_s:.0f} s", f"{b.elapsed_s:.0f} s"
    best, other = _best(a), _best(b)
    for key in {**best, **other}:
        left_value, right_value = (params(found[key]) if key in found else "" for found in (best, other))
        yield f"best {key}", left_value, right_value


def _best(study: Study) -> Mapping[str, Any]:
    found = study.best.params if study.best else {}
    return found if isinstance(found, Mapping) else {"params": found}


def _differences(a: Study, b: Study) -> Iterator[tuple[str, str, str]]:
    for item in FIELDS:
        left, right = (params(study.spec.to_json()[item.name]) if study.spec else "" for study in (a, b))
        if left != right:
            yield f"spec: {item.name}", left, right
