"""`stop.json`: a person asks a running study to end with what it has found.

Written by the shell or the page into the study folder, seen by the driver at its regular look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.storage import Storage

NAME = "stop.json"
# No request is larger; what is larger was not written by this package.
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Who asked an attempt to stop, and when (seconds since 1970)."""

    attempt: int
    by: str
    at: float


def request_stop(storage: Storage, *, attempt: int, by: str, wall: Callable[[], float] = time.time) -> None:
    """Ask the driver of this attempt to stop; a later attempt ignores the request."""
    request = {"attempt": attempt, "by": by, "at": wall()}
    storage.write(NAME, json.dumps(request).encode())


def stop_requested(storage: Storage, *, attempt: int) -> StopRequest | None:
    """Return the request to stop this attempt; None where there is none or the file is broken."""
    try:
        data = storage.read(NAME)
    except FileNotFoundError:
        return None
    try:
        found: Any = decoded(data) if len(data) <= LARGEST else None
        request = StopRequest(int(found["attempt"]), str(found["by"])[:200], float(found["at"]))
    except (ValueError, LookupError, TypeError, OverflowError):
        return None
    return request if request.attempt == attempt else None
