"""Mirror a study into a tracker, in a separate process.

    python -P -m airflow_sparktune.track STUDY     follow the study until standard input ends

The operator starts this program so that the tracker's client, settings and credentials stay out of the
task's process and the Spark driver. `sparktune track` does the same from a shell.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_sparktune import connections
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.airflow_task import read_task
from airflow_sparktune.study.files.note import read_note
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.segments import Segments, read_segments
from airflow_sparktune.study.segments.follower import SegmentsFollower
from airflow_sparktune.study.storage import open_storage

if TYPE_CHECKING:
    from airflow_sparktune.dashboard.page.masking import Mask
    from airflow_sparktune.tracking.mlflow import MlflowTracker

log = logging.getLogger(__name__)

TRACKERS = ("mlflow",)


def track(address: str, *, wait: Callable[[float], bool], experiment: str | None = None) -> str | None:
    """Mirror the study, or the segments, at `address` into MLflow until `wait(seconds)` returns True.

    Returns the reason if MLflow is incomplete at the end, else None. Raises PlatformError if MLflow is not
    set up.
    """
    from airflow_sparktune.dashboard.page.masking import airflow_mask
    from airflow_sparktune.tracking.follow import error_line, mirror_while

    # Imports Airflow, first of all: a storage with a connection would import it in another way.
    mask = airflow_mask()
    connections.register()
    experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
    segments = read_segments(address)
    if segments is None:
        tracker = _tracker(address, mask, experiment=experiment)
        error = mirror_while(StudyFollower(open_storage(address)), tracker, wait=wait)
    else:
        error = _track_segments(address, segments, mask, wait=wait, experiment=experiment)
    return None if error is None else error_line(error)


def _tracker(
    address: str, mask: Mask, *, experiment: str | None, segment: tuple[str, str] | None = None
) -> MlflowTracker:
    """Return the tracker of the study at an address."""
    from airflow_sparktune.dashboard.page.html_report import report
    from airflow_sparktune.tracking.mlflow import MlflowTracker, connect

    return MlflowTracker(
        connect(),
        address=address,
        task=read_task(address),
        report=lambda study: report(study, title=address, mask=mask),
        note=lambda: found.text if (found := read_note(open_storage(address))) else None,
        experiment=experiment,
        segment=segment,
    )


def _track_segments(
    address: str,
    segments: Segments,
    mask: Mask,
    *,
    wait: Callable[[float], bool],
    experiment: str | None,
) -> Exception | None:
    """Mirror the segments of the application at an address; return the error of the last try, or None."""
    from airflow_sparktune.tracking.follow import mirror_while
    from airflow_sparktune.tracking.mlflow import connect, experiment_name, run_name
    from airflow_sparktune.tracking.mlflow_segments import SegmentsTracker

    task, follower = read_task(address), SegmentsFollower(address, segments.names)
    name = experiment or experiment_name(segments.spec, task)
    tracker = SegmentsTracker(
        connect(),
        address=address,
        experiment=name,
        name=run_name(task, address),
        total=len(segments.names),
        tracker=lambda segment, parent: _tracker(
            address_of(address, segment), mask, experiment=name, segment=(segment, parent)
        ),
    )

    def wait_for_end(seconds: float) -> bool:
        follower.whole = wait(seconds)
        return follower.whole

    return mirror_while(follower, tracker, wait=wait_for_end)


def main(arguments: Sequence[str]) -> int:
    """Track until standard input ends; return 0 if the tracker is complete, else 1."""
    logging.basicConfig(format="%(levelname)s:%(message)s", level=logging.WARNING)
    logging.getLogger("airflow_sparktune").setLevel(logging.INFO)
    os.nice(10)  # trials have priority
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    (address,) = arguments
    reason = track(address, wait=ended.wait)
    if reason is not None:
        log.warning("tracking ends incomplete: %s", reason)
    return 0 if reason is None else 1


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
