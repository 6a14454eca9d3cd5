"""`stop.json`: a request of a user to end a running study with its best result so far.

The shell or the page writes the file into the study folder; the driver polls for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from airflow_sparktune.study.journal import shape
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.json_object import JsonObject, stored
from airflow_sparktune.study.storage import Storage

NAME = "stop.json"
# A larger file was not written by this package.
LARGEST = 10_000
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class StopRequest(JsonObject):
    """The user who asked an attempt to stop, and the time in seconds since 1970."""

    WHAT: ClassVar[str] = "a request"

    attempt: int = stored(shape.whole)
    by: str = stored(shape.words)
    at: float = stored(shape.moment)


def request_stop(storage: Storage, *, attempt: int, by: str, wall: Callable[[], float] = time.time) -> None:
    """Ask the driver of this attempt to stop. Later attempts ignore the request."""
    request = StopRequest(attempt=attempt, by=by, at=wall())
    storage.write(NAME, json.dumps(request.to_json()).encode())


def stop_requested(storage: Storage, *, attempt: int) -> StopRequest | None:
    """Return the request to stop this attempt, or None if there is none or the file is invalid."""
    try:
        data = storage.read(NAME)
    except FileNotFoundError:
        return None
    try:
        request = StopRequest.from_json(decoded(data) if len(data) <= LARGEST else None)
    except ValueError:
        return None
    return replace(request, by=request.by[:LONGEST_NAME]) if request.attempt == attempt else None
