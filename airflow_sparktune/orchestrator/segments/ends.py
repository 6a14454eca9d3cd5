"""The ends of the segments of an application, and the error for those without a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_sparktune.errors import DriverLost, SegmentsFailed, SparktuneError
from airflow_sparktune.study.result import Summary, summary
from airflow_sparktune.study.study import Study

# The most segments that an error, or the progress, names.
MOST_NAMED = 10
# The most characters of an error in the table of the segments.
_LONGEST_ERROR = 200


@dataclass(frozen=True, kw_only=True)
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

    @cached_property
    def summary(self) -> Summary:
        """Return the summary of the study."""
        return summary(self.study)

    @property
    def changes_production(self) -> bool:
        """Return whether the segment has a new champion."""
        decision = self.study.decision
        return self.error is None and decision is not None and decision.changes_production

    @property
    def keeps(self) -> bool:
        """Return whether the segment's production stays as it is after a decision."""
        return self.study.decision is not None and not self.changes_production

    @property
    def outcome(self) -> str:
        """Return what became of the segment in a word."""
        if self.error is not None:
            return "interrupted" if self.interrupted else "failed"
        return self.summary.outcome or "tuned"

    def returned(self) -> dict[str, Any]:
        """Return what a training needs; the rest is in the study, because XCom must stay small."""
        found = self.summary
        return {
            "segment": self.name,
            "best_params": found.best_params,
            "best_loss": found.best_loss,
            **({"best_score": found.best_score} if found.maximize else {}),
            "decision": found.outcome,
            "study": self.address,
        }

    def row(self) -> dict[str, Any]:
        """Return the segment's line in the table of all segments."""
        found = self.summary
        return {
            "segment": self.name,
            "decision": found.outcome,
            "trials": found.trials,
            "best_loss": found.best_loss,
            "slot_hours": found.reserved_slot_hours,
            **({} if self.error is None else {"error": str(self.error).partition("\n")[0][:_LONGEST_ERROR]}),
        }


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
