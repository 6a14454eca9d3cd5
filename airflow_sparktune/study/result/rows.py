"""Times and trials as plain JSON, as `sparktune show --json` prints them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_sparktune.study.trial import Trial


def iso(seconds: float | None) -> str | None:
    """Return seconds since 1970 as UTC text.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500+00:00'
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return a trial as `sparktune show --json` prints it; times are UTC text, durations seconds."""
    row = {**trial.to_json(), "start": iso(trial.start), "end": iso(trial.end)}
    del row["point"], row["tries"]
    return row
