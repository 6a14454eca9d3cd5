"""YARN starts a failed driver again within its application; decide whether anything is left to do for it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

# The id of an ApplicationMaster's container, which YARN puts into its environment.
_CONTAINER = re.compile(r"container_(?:e\d+_)?(?P<application>\d+_\d+)_(?P<start>\d+)_\d+")


def restarted_application(environment: Mapping[str, str]) -> str | None:
    """Return the id of the application whose driver this is, if YARN has started it again.

    >>> restarted_application({"CONTAINER_ID": "container_e17_1410901177871_0001_02_000001"})
    'application_1410901177871_0001'
    >>> restarted_application({"CONTAINER_ID": "container_1410901177871_0001_01_000001"})
    """
    found = _CONTAINER.fullmatch(environment.get("CONTAINER_ID", ""))
    if found is None or int(found["start"]) == 1:
        return None
    return f"application_{found['application']}"


def has_ended(study: Study, application: str) -> bool:
    """Return whether an application's earlier driver has left nothing to do, and log why.

    It has written a verdict, or another application has taken the study over since.
    """
    if taken_over(study, application):
        return True
    ended = study.has_verdict and bool(_own(study, application))
    if ended:
        log.info("YARN has restarted this application, whose study already has a verdict")
    return ended


def taken_over(study: Study, application: str) -> bool:
    """Return whether another application has taken the study over since, and log it.

    To take it back would make that one fail in turn.
    """
    own = _own(study, application)
    taken = bool(own) and own[-1] != study.attempts[-1].number
    if taken:
        log.error("another application has taken over the study, so this one, which YARN has restarted, ends")
    return taken


def _own(study: Study, application: str) -> list[int]:
    """Return the numbers of the attempts of an application."""
    return [each.number for each in study.attempts if each.spark and each.spark.application == application]
