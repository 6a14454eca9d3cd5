"""Telling Airflow how far a study is while its task runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_sparktune.errors import StorageUnavailable
from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.result import counts
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

# Under which the task's state store has it; Airflow's UI shows that store.
KEY = "tuning"
# The UI asks about as often; each word to Airflow is a request to the API server.
PERIOD_S = 3.0


@contextmanager
def followed(address: str, tell: Callable[[Study], None]) -> Iterator[None]:
    """While this is open, `tell(study)` is called whenever the study at `address` has moved on.

    From a thread of its own: the task's main thread reads what spark-submit prints.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(address, tell, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2 * PERIOD_S)


def progress(study: Study) -> dict[str, Any]:
    """Where the study stands, in a few words and numbers."""
    limit = study.spec.max_evals if study.spec else None
    return {
        "trials": f"{study.finished}/{limit}" if limit else str(study.finished),
        "failed": counts(study)["failed"],
        "best_loss": study.best.loss if study.best else None,
        "best_params": study.best.params if study.best else None,
        "attempt": len(study.attempts),
        "stopped_by": study.closed.reason.value if study.closed else None,
    }


def _follow(address: str, tell: Callable[[Study], None], ended: threading.Event) -> None:
    follower = StudyFollower(open_storage(address))
    told: tuple[Study, int] | None = None
    last = False
    while not last:
        last = ended.wait(PERIOD_S)
        try:
            follower.refresh()
            now = (follower.study, follower.study.changes)
            if follower.study.attempts and now != told:
                tell(follower.study)
                told = now
        except StorageUnavailable:
            continue  # it will answer again, or the driver will have more to say of it
        except Exception:
            # A panel that stands still must not cost anybody a study.
            log.warning("the progress of the study stands still in Airflow from here on", exc_info=True)
            return
