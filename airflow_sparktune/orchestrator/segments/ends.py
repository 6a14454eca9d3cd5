"""How the segments of an application have ended, and the error for those without a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_sparktune.errors import DriverLost, SegmentsFailed, SparktuneError
from airflow_sparktune.study.study import Study

# How many segments an error, or the progress, names.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentEnd:
    """A segment's study, with its result or the error that it ended with.

    `ran` tells that it was to run in this application, and had not ended before.
    """

    name: str
    address: str
    study: Study
    error: SparktuneError | None = None
    ran: bool = True

    @property
    def interrupted(self) -> bool:
        """Return whether a retry can help the segment to a result."""
        return self.error is not None and self.error.retryable


def require_results(ends: Sequence[SegmentEnd], *, on_failed: str) -> None:
    """Raise an error that names the segments without a result.

    With "skip", those with an error that stays are left out, unless no segment has a result. The error is
    DriverLost if a retry can help.
    """
    failed = [end for end in ends if end.error is not None]
    lost = [end for end in failed if end.interrupted]
    if on_failed == "skip" and len(failed) < len(ends):
        failed = lost
    if not failed:
        return
    kind = DriverLost if lost else SegmentsFailed
    hint = "a retry runs them again" if lost else "a retry cannot help; correct the cause of each error"
    lines = [f"{end.name}: {str(end.error).partition(chr(10))[0]}" for end in failed]
    raise kind(
        f"all segments must have a result, but {len(failed)} of {len(ends)} have none; {hint}:\n  "
        f"{named(lines, between=chr(10) + '  ')}"
    ) from failed[0].error


def named(names: Sequence[str], *, between: str = ", ") -> str:
    """Return the first of many names as text, and how many more there are."""
    more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return between.join([*names[:MOST_NAMED], *more])
