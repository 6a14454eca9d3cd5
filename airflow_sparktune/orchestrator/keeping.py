"""Removes the studies of a task that are no longer kept, once a newer one has succeeded."""

from __future__ import annotations

import logging
import time

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.retuning.retention import Keep, find, prune, superfluous

log = logging.getLogger(__name__)


def remove_superfluous(task: str, keep: Keep, *, but: str) -> None:
    """Remove what `keep` leaves over of the studies below a task's folder; `but` stays.

    What cannot be removed is logged: the result of a task does not depend on it.
    """
    now, problems = time.time(), list[str]()
    try:
        extra = superfluous(find(task, now=now), keep, now=now)
        removed = prune((each for each in extra if each.address != but), problems)
    except SparktuneError as error:
        log.warning("no older study was removed: %s", error)
        return
    for problem in problems:
        log.warning("an older study was not removed: %s", problem)
    if removed:
        log.info("removed %d studies that keep_studies leaves over, such as %s", len(removed), removed[0])
