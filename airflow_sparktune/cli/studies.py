"""`sparktune list`, `sparktune compare` and `sparktune remove`: commands for several studies."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import click

from airflow_sparktune.cli.segments import studies_of
from airflow_sparktune.cli.text import complain, require_study, result_texts
from airflow_sparktune.errors import StorageError
from airflow_sparktune.printable import printable
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.formatting import number, params
from airflow_sparktune.study.json_values import flat
from airflow_sparktune.study.listing.packs import Packs
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import addresses, find, removable, remove_all
from airflow_sparktune.study.result import iso, summary
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.study.study import Study

_NARROWEST = 20  # the width of a study's column in `compare`


@click.command()
@click.argument("root", default=".")
def list_command(root: str) -> None:
    """List the studies below a folder or URL.

    \b
    sparktune list
    sparktune list ~/airflow/sparktune
    """
    problems, packs = list[str](), Packs()
    for address in addresses(root, problems):
        try:
            row = packs.row(address)
        except StorageError as error:
            problems.append(str(error))
            continue
        if row.stream:
            click.echo(printable(_line(_below(root, address), row)))
    complain(*problems)


@click.command()
@click.argument("addresses", metavar="A B...", nargs=-1, required=True)
def compare_command(addresses: tuple[str, ...]) -> None:
    """Print studies side by side: their results and the differences of their specs.

    The address of an application with segments stands for their studies.

    Wide texts are wrapped to the terminal's width, and studies that do not fit beside the others follow
    below them.
    """
    addresses = tuple(study for address in addresses for study in _expanded(address))
    if len(addresses) < 2:
        raise click.UsageError(f"name two studies or more to compare, got only {addresses[0]}")
    studies = [require_study(address) for address in addresses]
    rows = [("", *addresses), *_results(studies), *_differences(studies)]
    _print_beside(rows)


def _expanded(address: str) -> list[str]:
    """Return the addresses of the studies that have begun in an application; a study's address as it is."""
    segments = read_segments(address)
    if segments is None:
        return [address]
    return [address_of(address, name) for name in studies_of(address, segments)]


def _line(name: str, row: StudyRow) -> str:
    best = number(Metric.of(row.summary["maximize"]).shown(row.summary["best_loss"])) or "-"
    last = iso(row.pulse.last) or ""
    ended = row.lines.get("ended") or f"{row.pulse.phase(now=time.time()).text}; last update {last}"
    return f"{last[:16].replace('T', ' ')}  {row.finished:>6} trials  best {best:<10} {name}  {ended}"


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
    complain(*problems)
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
    complain(*problems)
    click.echo(f"removed {len(removed)} studies")


def _below(root: str, address: str) -> str:
    return address.removeprefix(root.rstrip("/")).lstrip("/") or "."


def _print_beside(rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # In a pipe, each row is one line of any length.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    room = console.width - max(len(row[0]) for row in rows)
    beside = max(1, room // (_NARROWEST + 2))
    for first in range(1, len(rows[0]), beside):
        shown = [(row[0], *row[first : first + beside]) for row in rows]
        columns = [Column(no_wrap=True), *(Column(overflow="fold") for _ in shown[0][1:])]
        table = Table(*columns, box=None, show_header=False, pad_edge=False)
        for row in shown:
            table.add_row(*(Text(printable(text)) for text in row))
        console.print(*([] if first == 1 else [""]), table, sep="\n")


def _results(studies: Sequence[Study]) -> Iterator[tuple[str, ...]]:
    texts = [result_texts(study) for study in studies]
    yield from (row for row in _rows("", texts) if row[0] != "best params")
    yield "running time", *(f"{study.elapsed_s:.0f} s" for study in studies)
    yield from sorted(_rows("best ", [_best(study) for study in studies]), key=_same)


def _best(study: Study) -> dict[str, str]:
    found = summary(study).best_params
    return {} if found is None else {name: params(value) for name, value in flat(found)}


def _differences(studies: Sequence[Study]) -> Iterator[tuple[str, ...]]:
    specs = [study.spec.values() if study.spec else {} for study in studies]
    texts = [{name: params(value) for name, value in spec.items()} for spec in specs]
    return (row for row in _rows("spec: ", texts) if not _same(row))


def _rows(prefix: str, texts: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each name: the name, and its text in each of the studies."""
    for name in dict.fromkeys(name for each in texts for name in each):
        yield f"{prefix}{name}", *(each.get(name, "") for each in texts)


def _same(row: Sequence[str]) -> bool:
    return len(set(row[1:])) == 1
