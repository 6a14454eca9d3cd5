"""`stop.json`: a request of a user to end a running study with its best result so far.

The shell or the page writes the file into the study folder; the driver polls for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.storage import Storage

NAME = "stop.json"
# A larger file was not written by this package.
LARGEST = 10_000
LONGEST_NAME = 200
_REQUEST: Mapping[str, shape.Fits] = {"attempt": shape.whole, "by": shape.words, "at": shape.moment}


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The user who asked an attempt to stop, and the time in seconds since 1970."""

    attempt: int
    by: str
    at: float


def request_stop(storage: Storage, *, attempt: int, by: str, wall: Callable[[], float] = time.time) -> None:
    """Ask the driver of this attempt to stop. Later attempts ignore the request."""
    request = {"attempt": attempt, "by": by, "at": wall()}
    storage.write(NAME, json.dumps(request).encode())


def stop_requested(storage: Storage, *, attempt: int) -> StopRequest | None:
    """Return the request to stop this attempt, or None if there is none or the file is invalid."""
    try:
        data = storage.read(NAME)
    except FileNotFoundError:
        return None
    try:
        found = shape.require(_REQUEST, decoded(data) if len(data) <= LARGEST else None, what="a request")
    except ValueError:
        return None
    request = StopRequest(found["attempt"], found["by"][:LONGEST_NAME], found["at"])
    return request if request.attempt == attempt else None
