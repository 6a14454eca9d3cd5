"""The failures of trials that have ended without a reply from their worker."""

from __future__ import annotations

from airflow_sparktune.study.trial import Failure, FailureKind


def lost_worker(tries: int, reason: str) -> Failure:
    """Return the failure of a trial that lost its worker in its last try."""
    return Failure(FailureKind.LOST, f"its worker or executor was lost in each of {tries} tries: {reason}")


def lost_driver(tries: int) -> Failure:
    """Return the failure of a trial during which the driver has died too often."""
    return Failure(
        FailureKind.LOST,
        f"its driver died in each of {tries} tries; it may need more memory than the driver has, "
        "or exit the process that it runs in",
    )


def timed_out(limit_s: float) -> Failure:
    """Return the failure of a trial that ran longer than its limit."""
    return Failure(
        FailureKind.TIMEOUT,
        f"it ran longer than limits.trial_timeout ({limit_s:g} s); raise it if that is normal",
    )
