"""Remove old studies of a task after a newer one has succeeded."""

from __future__ import annotations

import logging
import time

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.retuning.retention import Keep, find, prune, removable

log = logging.getLogger(__name__)


def remove_old_studies(task: str, keep: Keep, *, but: str) -> None:
    """Remove the studies below a task's folder that `keep` does not keep, except the study `but`.

    Failures are logged and not raised, because the result of the task does not depend on them.
    """
    now, problems = time.time(), list[str]()
    try:
        extra = removable(find(task, now=now), keep, now=now)
        removed = prune((each for each in extra if each.address != but), problems)
    except SparktuneError as error:
        log.warning("no older study was removed: %s", error)
        return
    for problem in problems:
        log.warning("an older study was not removed: %s", problem)
    if removed:
        log.info("removed %d studies that keep_studies does not keep, such as %s", len(removed), removed[0])
