"""`sparktune list`, `sparktune compare` and `sparktune remove`: commands for several studies."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import click

from airflow_sparktune.cli.text import require_study, result_texts, state_text
from airflow_sparktune.errors import StorageError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.formatting import number, params
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.json_values import flat
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import addresses, find, removable, remove_all
from airflow_sparktune.study.result import iso, summary
from airflow_sparktune.study.study import Study


@click.command()
@click.argument("root", default=".")
def list_command(root: str) -> None:
    """List the studies below a folder or URL.

    \b
    sparktune list
    sparktune list ~/airflow/sparktune
    """
    problems = list[str]()
    for address in addresses(root, problems):
        try:
            study = read_study(address).study
        except StorageError as error:
            problems.append(str(error))
            continue
        if study.attempts:
            click.echo(printable(_line(_below(root, address), study)))
    _print_problems(problems)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def compare_command(first: str, second: str) -> None:
    """Print two studies side by side: their results and the differences of their specs."""
    studies = [require_study(first), require_study(second)]
    rows = [("", first, second), *_results(*studies), *_differences(*studies)]
    left = max(len(row[0]) for row in rows)
    middle = max(len(row[1]) for row in rows)
    for name, a, b in rows:
        click.echo(printable(f"{name:<{left}}  {a:<{middle}}  {b}").rstrip())


def _line(name: str, study: Study) -> str:
    found = summary(study)
    best = number(study.metric.shown(found.best_loss)) or "-"
    last = (iso(study.attempts[-1].last) or "")[:16].replace("T", " ")
    return f"{last}  {study.finished:>6} trials  best {best:<10} {name}  {state_text(study)}"


@click.command()
@click.argument("root", default=".")
@click.option(
    "--keep",
    required=True,
    metavar="N|AGE",
    help="How many studies of a task to keep, or an age: 12h, 30d, 8w.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def remove_command(root: str, keep: str, yes: bool) -> None:
    """Remove old studies below a folder or URL; asks for confirmation.

    Keeps the newest N studies of each task, or those that are younger than the age. Kept, too, are studies
    that a retry may continue, until they have been silent for a day, and those that the record of champions
    needs.

    \b
    sparktune remove ~/airflow/sparktune --keep 30d
    sparktune remove s3://bucket/sparktune --keep 20
    """
    kept, problems = Keep.of("--keep", keep), list[str]()
    found = find(root, problems)
    extra = removable(found, kept, problems, now=time.time())
    _print_problems(problems)
    for each in extra:
        when = (iso(each.last_event) or "")[:16].replace("T", " ") if each.last_event else "partly removed  "
        click.echo(printable(f"{when}  {_below(root, each.address)}"))
    if not extra:
        click.echo(f"nothing to remove: {len(found)} studies, all kept")
        return
    if not yes and not click.confirm(f"remove these {len(extra)} of {len(found)} studies?"):
        click.echo("nothing was removed")
        return
    problems.clear()
    removed = remove_all(extra, problems)
    _print_problems(problems)
    click.echo(f"removed {len(removed)} studies")


def _print_problems(problems: Iterable[str]) -> None:
    for problem in problems:
        click.echo(f"sparktune: {printable(problem)}", err=True)


def _below(root: str, address: str) -> str:
    return address.removeprefix(root.rstrip("/")).lstrip("/") or "."


def _results(a: Study, b: Study) -> Iterator[tuple[str, str, str]]:
    left, right = result_texts(a), result_texts(b)
    for name in {**left, **right}:
        if name != "best params":
            yield name, left.get(name, ""), right.get(name, "")
    yield "running time", f"{a.elapsed_s:.0f} s", f"{b.elapsed_s:.0f} s"
    best, other = _best(a), _best(b)
    for name in {**best, **other}:
        yield f"best {name}", best.get(name, ""), other.get(name, "")


def _best(study: Study) -> dict[str, str]:
    found = summary(study).best_params
    return {} if found is None else {name: params(value) for name, value in flat(found)}


def _differences(a: Study, b: Study) -> Iterator[tuple[str, str, str]]:
    mine, others = (study.spec.values() if study.spec else {} for study in (a, b))
    for name in {**mine, **others}:
        left, right = (params(values[name]) if name in values else "" for values in (mine, others))
        if left != right:
            yield f"spec: {name}", left, right
