"""A small progress value in the task's state store, which Airflow's UI shows while the task runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_sparktune.study.follow import StudyFollower
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

KEY = "tuning"
# Airflow's panel asks about as often; each write is a request to the API server.
PERIOD_S = 3.0


@contextmanager
def shown(address: str, write: Callable[[str, Any], None]) -> Iterator[None]:
    """While this is open, `write(KEY, value)` is called when the study at `address` has moved on.

    From a thread of its own: the task's main thread reads what spark-submit prints.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(address, write, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2 * PERIOD_S)


def progress(study: Study) -> dict[str, Any]:
    """Where the study stands, in a few words and numbers."""
    failed = sum(trial.error is not None for trial in study.trials.values())
    return {
        "trials": f"{study.finished}/{study.spec.max_evals if study.spec else '?'}",
        "failed": failed,
        "best_loss": study.best.loss if study.best else None,
        "best_params": study.best.params if study.best else None,
        "attempt": len(study.attempts),
        "stopped_by": study.closed.reason.value if study.closed else None,
    }


def _follow(address: str, write: Callable[[str, Any], None], ended: threading.Event) -> None:
    follower = StudyFollower(open_storage(address))
    told: dict[str, Any] = {}
    last = False
    while not last:
        last = ended.wait(PERIOD_S)
        try:
            follower.refresh()
            if follower.study.attempts and (now := progress(follower.study)) != told:
                write(KEY, now)
                told = now
        except Exception:
            # A panel that stands still must not cost anybody a study.
            log.warning("the progress in the task's state store stands still from here on", exc_info=True)
            return
