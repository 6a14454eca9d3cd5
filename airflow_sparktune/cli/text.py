"""Format studies for people, with rounded numbers; `--json` prints exact values."""

from __future__ import annotations

import time

import click

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.journal.bounds import printable
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.phase import Phase, phase_of
from airflow_sparktune.study.result import best_text, cost_text, count_by_state, decision_text, iso, summary
from airflow_sparktune.study.rounded import params
from airflow_sparktune.study.stopping import label
from airflow_sparktune.study.study import Study


def require_study(address: str) -> Study:
    """Return the study at an address; print problems of its journal to standard error."""
    follower = read_study(address)
    if not follower.study.attempts:
        raise StorageError(f"a study folder must hold a journal, found none at {address}; check the path")
    for problem in follower.problems:
        click.echo(f"sparktune: {printable(problem)}", err=True)
    return follower.study


def progress_text(study: Study) -> str:
    """Return a description of a running study, for the progress bar."""
    if not study.attempts:
        return "starting Spark"
    best, failed = best_text(study), count_by_state(study)["failed"]
    text = f"best {best}" if best else "no result yet"
    return f"{text}, {failed} failed" if failed else text


def end_text(study: Study) -> str:
    """Return why a study ended, or its phase and the time of its last event."""
    if study.closed is not None and study.spec is not None:
        return label(study.closed.reason, study.spec)
    phase = phase_of(study, now=time.time())
    what = "lost, its driver died" if phase is Phase.LOST else phase.value
    return f"{what}; last update {iso(study.attempts[-1].last)}"


def result_facts(study: Study) -> dict[str, str]:
    """Return the lines that describe a study's result, by name."""
    found = summary(study)
    states = ", ".join(f"{count} {state}" for state, count in count_by_state(study).items() if count)
    if found["repeats"]:
        states += f", and {found['repeats']} repeats"
    decision, cost = decision_text(study), cost_text(study)
    return {
        "trials": states or "none",
        "ended" if study.closed else "state": end_text(study),
        **({"decision": decision} if decision else {}),
        **({"cost": cost} if cost else {}),
        f"best {study.metric.name}": best_text(study) or "none",
        "best params": "none" if found["best_params"] is None else params(found["best_params"]),
    }


def print_result(study: Study) -> None:
    """Print the result of a study."""
    found = result_facts(study)
    width = max(map(len, found)) + 2
    for name, text in found.items():
        click.echo(printable(f"{name:<{width}}{text}"))
