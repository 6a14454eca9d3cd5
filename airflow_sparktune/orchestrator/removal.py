"""Remove old studies of a task after a newer one has succeeded."""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.airflow_task import read_task
from airflow_sparktune.study.record.keep import Keep
from airflow_sparktune.study.record.retention import find, removable, remove_all

log = logging.getLogger(__name__)


def remove_old_studies(ti: Any, task: str, keep: Keep, *, but: str) -> None:
    """Remove the studies below a task's folder that `keep` does not keep, except the study `but`.

    Airflow is asked by the task instance `ti` whether a study's run has ended. Failures are logged and not
    raised, because the result of the task does not depend on them.
    """
    now, problems = time.time(), list[str]()
    try:
        found = find(task, problems)
        extra = removable(found, keep, problems, now=now, has_ended=lambda address: _has_ended(ti, address))
        removed = remove_all((each for each in extra if each.address != but), problems)
    except SparktuneError as error:
        log.warning("no older study was removed: %s", error)
        return
    for problem in problems:
        log.warning("an older study was not removed: %s", problem)
    if removed:
        log.info("removed %d studies that keep_studies does not keep, such as %s", len(removed), removed[0])


def _has_ended(ti: Any, address: str) -> bool:
    """Return whether the run of a study has ended or was deleted, so that no retry continues the study."""
    task = read_task(address)
    if task is None:  # a study of the shell
        return True
    try:
        running = ti.get_dr_count(task.dag_id, run_ids=[task.run_id], states=["queued", "running"])
    except Exception as error:  # noqa: BLE001 - Airflow's client raises errors of many kinds
        log.warning("%s is kept, because Airflow does not tell whether its run has ended: %s", address, error)
        return False
    return bool(running == 0)
