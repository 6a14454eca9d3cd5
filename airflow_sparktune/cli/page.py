"""`sparktune ui` and `sparktune report`: the page of Airflow's Tuning tab, without Airflow."""

from __future__ import annotations

from typing import IO

import click

from airflow_sparktune.cli.text import require_study
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.record.retention import addresses


@click.command()
@click.argument("address", metavar="STUDY|ROOT")
@click.option("--port", type=int, default=8501, show_default=True, help="The port on this machine.")
def ui_command(address: str, port: int) -> None:
    """Serve Airflow's pages for one study, or for all studies below a storage root.

    Instead of a study, it may be an application with segments. The printed address has a token. Only a
    browser that has opened this address gets the pages.

    \b
    sparktune ui spec.study
    sparktune ui ~/airflow/sparktune
    """
    from airflow_sparktune.dashboard.login import Login
    from airflow_sparktune.dashboard.server import has_studies, is_page, serve, url_of

    if not is_page(address) and not has_studies(address):
        _require_page(address)
    login = Login(port=port)
    click.echo(f"{url_of(login)} (press Ctrl-C to stop)")
    serve(address, login=login)


@click.command()
@click.argument("study")
@click.option(
    "--output", "-o", type=click.File("w", encoding="utf-8", lazy=True), default="report.html",
    show_default=True, help="The file; - is standard output.",
)  # fmt: skip
def report_command(study: str, output: IO[str]) -> None:
    """Write the page of a study into a standalone HTML file.

    \b
    sparktune report spec.study
    sparktune report spec.study -o - | gzip > report.html.gz
    """
    from airflow_sparktune.dashboard.page.html_report import report

    page = report(require_study(study), title=study)
    output.write(page)
    if output.name != "-":
        click.echo(output.name)


def _require_page(address: str) -> None:
    """Raise StorageError if there is no study at an address; name one below it."""
    for below in addresses(address, []):
        if below.rstrip("/") != address.rstrip("/"):
            raise StorageError(
                "sparktune ui must have a study, or a storage root with the studies of Airflow's tasks, got "
                f"{address}, a folder of other studies; give one of them, such as {below}"
            )
    require_study(address)
