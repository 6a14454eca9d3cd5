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

from airflow_sparktune import connections
from airflow_sparktune.study.airflow_task import read_task
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.note import read_note
from airflow_sparktune.study.storage import open_storage

log = logging.getLogger(__name__)

TRACKERS = ("mlflow",)


def track(address: str, *, wait: Callable[[float], bool], experiment: str | None = None) -> str | None:
    """Mirror the study at `address` into MLflow until `wait(seconds)` returns True, then one last time.

    Returns the reason if MLflow is incomplete at the end, else None. Raises PlatformError if MLflow is not
    set up.
    """
    from airflow_sparktune.dashboard.page.html_report import report
    from airflow_sparktune.dashboard.page.masking import airflow_mask
    from airflow_sparktune.tracking.follow import error_line, mirror_while
    from airflow_sparktune.tracking.mlflow import MlflowTracker, connect

    # Imports Airflow, first of all: a storage with a connection would import it in another way.
    mask = airflow_mask()
    connections.register()
    tracker = MlflowTracker(
        connect(),
        address=address,
        task=read_task(address),
        report=lambda study: report(study, title=address, mask=mask),
        note=lambda: found.text if (found := read_note(open_storage(address))) else None,
        experiment=experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME"),
    )
    error = mirror_while(StudyFollower(open_storage(address)), tracker, wait=wait)
    return None if error is None else error_line(error)


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
