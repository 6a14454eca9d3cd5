"""The segments of an application in the shell: run them, and print the state of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from airflow_sparktune.cli.text import REFRESH_S, print_table, progress_bar, result_of, state_text
from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.stop_request import request_stop
from airflow_sparktune.study.formatting import number
from airflow_sparktune.study.phase import phase_of
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.segments.follower import SegmentsFollower
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow_sparktune.orchestrator.deploy.job import Job
    from airflow_sparktune.orchestrator.deploy.launcher import Launcher

_HEAD = ("segment", "trials", "best", "decision", "slot-hours", "state")


def run_segments(job: Job, segments: Segments, *, launcher: Callable[[], Launcher], live: bool) -> int:
    """Run the segments of a job to their end and print a table; return the exit code."""
    from airflow_sparktune.orchestrator.segments.application import SegmentsJob
    from airflow_sparktune.orchestrator.segments.ends import require_results

    started = SegmentsJob.of(job, segments)
    if not started.left:
        click.echo(f"all segments at {job.address} have ended already")
    ends = started.run(
        launcher=launcher,
        following=lambda _: _bar(job.address, segments) if live else nullcontext(),
        again="the same command",
    )
    print_segments(job.address, segments)
    require_results(ends, on_failed=segments.on_failed_segments)
    return 0


def print_segments(address: str, segments: Segments, *, as_json: bool = False) -> None:
    """Print a line for each segment of the application at an address, or all that is known as JSON."""
    studies = studies_of(address, segments)
    if as_json:
        rows = [
            {
                **(result_of(studies[name]).to_json() if name in studies else {}),
                "segment": name,
                "study": address_of(address, name),
            }
            for name in segments.names
        ]
        click.echo(json.dumps({"study": address, "segments": rows}, indent=2))
        return
    print_table(_HEAD, (_cells(name, studies.get(name)) for name in segments.names))


def studies_of(address: str, segments: Segments) -> Mapping[str, Study]:
    """Return the studies of an application that have begun, by the names of their segments."""
    follower = SegmentsFollower(address, segments.names)
    with suppress(StorageError):  # that of one study must not hide the others
        follower.refresh()
    return follower.study


def stop_segments(address: str, segments: Segments, *, by: str) -> None:
    """Ask a running application to end all segments with their best results so far."""
    studies, now = studies_of(address, segments).values(), time.time()
    running = sum(phase_of(study, now=now).at_work for study in studies)
    if not running:
        raise SpecError(f"only a running application can be stopped, but no segment at {address} is running")
    # An application has no attempts of its own.
    request_stop(open_storage(address), attempt=0, by=by)
    click.echo(f"asked all segments to stop; {running} of {len(segments.names)} are running")


def _cells(name: str, study: Study | None) -> tuple[str, ...]:
    if study is None:
        return name, "", "", "", "", "waiting"
    found = result_of(study)
    best = number(found.metric.shown(found.best_loss)) or "-"
    hours = number(found.reserved_slot_hours, digits=3)
    return name, str(study.finished), best, found.outcome or "", hours, state_text(study)


@contextmanager
def _bar(address: str, segments: Segments) -> Iterator[None]:
    """Draw a progress bar from the journals in this context."""
    from airflow_sparktune.orchestrator.segments.progress import segments_look
    from airflow_sparktune.orchestrator.task.progress import repeated

    with progress_bar(len(segments.names)) as show:

        def draw(_: Study, state: dict[str, Any]) -> None:
            done = len(segments.names) - state["running"] - state["waiting"]
            show(done, f"{state['running']} segments running, {state['trials']} trials")

        with repeated(segments_look(address, segments, draw), every_s=REFRESH_S):
            yield
