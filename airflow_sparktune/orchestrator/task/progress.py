"""Report the progress of a study to Airflow while its task runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.journal.follow import StudyFollower
from airflow_sparktune.study.result import summary
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

# The key in the task's state store, which Airflow's UI shows.
KEY = "tuning"
# About the UI's refresh period. Each report of a task is a request to the API server.
PERIOD_S = 3.0
# How long the end of the block waits for the last report.
LAST_S = 6.0


@contextmanager
def repeated(look: Callable[[], None], *, every_s: float) -> Iterator[None]:
    """Call `look` again and again until the block ends, and once more then.

    The calls come from a thread, because the main thread reads the output of spark-submit.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_repeat, args=(look, ended, every_s), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=LAST_S)


def study_look(address: str, tell: Callable[[Study], None]) -> Callable[[], None]:
    """Return a function that calls `tell(study)` if the study has changed since the function's last call."""
    follower = StudyFollower(open_storage(address))
    reported: tuple[Study, int] | None = None

    def look() -> None:
        nonlocal reported
        follower.refresh()
        now = (follower.study, follower.study.changes)
        if follower.study.attempts and now != reported:
            tell(follower.study)
            reported = now

    return look


def progress(study: Study) -> dict[str, Any]:
    """Return a short description of the study's progress as JSON."""
    limit = study.spec.max_evals if study.spec else None
    metric, found = study.metric, summary(study)
    return {
        "done": f"{study.finished}/{limit}" if limit else str(study.finished),
        "failed": found.counts["failed"],
        "best_score" if metric.maximized else "best_loss": metric.shown(found.best_loss),
        "best_params": found.best_params,
        "attempt": found.attempts,
        **({"decision": found.decision.text} if found.decision else {}),
        "ended": found.end,
    }


def _repeat(look: Callable[[], None], ended: threading.Event, every_s: float) -> None:
    last = False
    while not last:
        last = ended.wait(every_s)
        try:
            look()
        except StorageUnavailable:
            continue  # the storage will respond again, or the driver will report the problem
        except Exception:
            # A failed report must not fail the study.
            log.warning("progress of the study can no longer be shown in Airflow", exc_info=True)
            return
