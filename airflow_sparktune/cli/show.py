"""`sparktune show`: print a study's trials and its result."""

from __future__ import annotations

import json
from typing import Any

import click

from airflow_sparktune.cli.segments import print_segments
from airflow_sparktune.cli.text import print_result, print_table, require_study, result_of, trials_of
from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.formatting import number, origin_text, params, state_text
from airflow_sparktune.study.journal.output import read_output
from airflow_sparktune.study.metric import Metric
from airflow_sparktune.study.result import trial_row
from airflow_sparktune.study.segments import read_segments
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study
from airflow_sparktune.study.trial import Trial


@click.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="Print everything unrounded as JSON.")
@click.option("--output", metavar="N", type=int, help="Print the output of trial N.")
def show_command(study: str, as_json: bool, output: int | None) -> None:
    """Print the trials and the result of a study.

    At the address of an application with segments, print a line for each segment.

    \b
    sparktune show spec.study
    sparktune show s3://bucket/studies/churn --json | jq .best_params
    sparktune show spec.study --output 12
    """
    if (segments := read_segments(study)) is not None:
        if output is not None:
            raise click.UsageError(f"--output needs the study of a segment; --json lists those of {study}")
        print_segments(study, segments, as_json=as_json)
        return
    found = require_study(study)
    if output is not None:
        click.echo(_output(study, found, output), nl=False)
        return
    if as_json:
        score = found.metric.score
        rows = map(trial_row, trials_of(found))
        trials = [{**row, "score": score(row["loss"]), "curve": _curve(found, row["number"])} for row in rows]
        click.echo(json.dumps({"study": study, **result_of(found).to_json(), "trial_rows": trials}, indent=2))
        return
    _print_trials(found)
    print_result(found)


def _curve(study: Study, number: int) -> list[dict[str, Any]]:
    curve = study.curves.get(number)
    return [] if curve is None else curve.rows()


def _output(address: str, study: Study, number: int) -> str:
    trial = study.trials.get(number)
    if trial is None:
        raise StorageError(f"the study has no trial {number}; sparktune show {address} lists them")
    text = read_output(open_storage(address), attempt=trial.attempt, number=number)
    if text is None:
        raise StorageError(f"nothing is kept of what trial {number} printed")
    return text


def _print_trials(study: Study) -> None:
    metric = study.metric
    head = ("#", "state", metric.name, "seconds", "slot", "attempt", "origin", "params")
    print_table(head, (_cells(trial, metric) for trial in trials_of(study)))


def _cells(trial: Trial, metric: Metric) -> tuple[str, ...]:
    took = "" if trial.lasted_s is None else f"{trial.lasted_s:.1f}"
    text = params(trial.params) if trial.error is None else trial.error.headline
    slot = "" if trial.slot is None else str(trial.slot)
    loss = number(metric.shown(trial.loss))
    state, origin = state_text(trial.state), origin_text(trial)
    return str(trial.number), state, loss, took, slot, str(trial.attempt), origin, text
