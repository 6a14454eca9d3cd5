"""`sparktune track`: send a study to a tracker."""

from __future__ import annotations

import click

from airflow_sparktune.cli.text import complain, require_study
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.track import TRACKERS, track


@click.command()
@click.argument("study")
@click.option("--to", type=click.Choice(TRACKERS), required=True, help="The tracker.")
@click.option("--experiment", help="MLflow's experiment. Default: DAG.TASK, or the objective.")
def track_command(study: str, to: str, experiment: str | None) -> int:
    """Send a study, or the parts that are missing, to a tracker.

    Sending a study twice changes nothing. The environment sets the tracker's address:

    \b
    MLFLOW_TRACKING_URI=http://mlflow:5000 sparktune track spec.study --to mlflow
    """
    if read_segments(study) is None:
        require_study(study)
    if (reason := track(study, wait=lambda _: True, experiment=experiment)) is not None:
        complain(
            f"{study} is not complete in {to}: {reason}; nothing sends the rest by itself, so run "
            "the same command again once that is solved"
        )
        return 1
    click.echo(f"{study} is in {to}")
    return 0
