"""Run the segments of a job in one application, for the Airflow task and the shell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from airflow_sparktune.errors import (
    DriverLost,
    PlatformError,
    SegmentsFailed,
    SparktuneError,
    StorageError,
    revive,
)
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.run import Standing, hand_over, prepared, result_of
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.segments import Segment, Segments
from airflow_sparktune.study.stop_request import stop_requested
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.at_once import at_once
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True)
class SegmentsJob:
    """A job with segments, and their studies before it runs."""

    job: Job
    segments: Segments
    before: Sequence[Study]

    @classmethod
    def of(cls, job: Job, segments: Segments) -> SegmentsJob:
        """Return the job with the current studies of its segments."""
        addresses = [address_of(job.address, name) for name in segments.names]
        return cls(job, segments, at_once(_read, addresses))

    @property
    def left(self) -> list[int]:
        """Return the places of the segments to run: those with neither a result nor an error that stays."""
        pairs = zip(self.segments.segments, self.before, strict=True)
        return [place for place, pair in enumerate(pairs) if self.segments.left(*pair)]

    def run(
        self,
        *,
        launcher: Callable[[], Launcher],
        following: Callable[[Submission], AbstractContextManager[Any]] = nullcontext,
        again: str = "a retry",
    ) -> list[SegmentEnd]:
        """Submit the job if a segment is left, and return how each segment has ended, in order.

        The arguments are those of `run_job`.
        """
        left, failure = self.left, None
        if left:
            chosen = launcher()
            first = self.before[left[0]]
            with prepared(self.job, before=first, launcher=chosen) as submission, following(submission):
                failure = chosen.follow(submission, partial(hand_over, self.job, submission))

        ran = set(left)
        # Spark's own log is for all segments, and not to be logged once for each.
        alone = SubmitFailed(str(failure)) if isinstance(failure, SubmitFailed) else failure

        def end(place: int) -> SegmentEnd:
            segment, before = self.segments.segments[place], self.before[place]
            if place in ran:
                return self._ended(segment, before, alone, again)
            error = before.closed.error if before.closed is not None else None
            known = self._end(segment, before, None if error is None else revive(error))
            return replace(known, ran=False)

        ends = _with_cause(at_once(end, range(len(self.before))))
        if isinstance(failure, SubmitFailed) and failure.spark_log and any(each.interrupted for each in ends):
            log.info("the last lines of Spark's own log:\n%s", "\n".join(failure.spark_log))
        return ends

    def _ended(self, segment: Segment, before: Study, failure: Exception | None, again: str) -> SegmentEnd:
        """Return how a segment has ended in this run, or that it has not."""
        address, spec = address_of(self.job.address, segment.name), self.segments.spec_of(segment)
        try:
            study = result_of(address, spec=spec, before=Standing.of(before), failure=failure, again=again)
        except SparktuneError as error:
            study = _read(address)
            return self._end(segment, study, error if study.attempts else self._why_not_begun() or error)
        return self._end(segment, study)

    def _why_not_begun(self) -> SparktuneError | None:
        """Return the error of a segment that a person has stopped before it began, with all others."""
        try:
            # A driver removes an earlier request when it starts.
            request = stop_requested(open_storage(self.job.address), attempt=0)
        except StorageError:
            return None
        if request is None:
            return None
        return SegmentsFailed(f"{request.by} stopped the application before this segment began")

    def _end(self, segment: Segment, study: Study, error: SparktuneError | None = None) -> SegmentEnd:
        address = address_of(self.job.address, segment.name)
        return SegmentEnd(name=segment.name, address=address, study=study, error=error)


def _with_cause(ends: list[SegmentEnd]) -> list[SegmentEnd]:
    """Return the ends; a broken platform, which one segment has on record, is why others were interrupted."""
    errors = [end.error for end in ends if end.ran and isinstance(end.error, PlatformError)]
    return [replace(end, error=errors[0]) if errors and end.interrupted else end for end in ends]


def _read(address: str) -> Study:
    """Return the study of a segment; an empty one if its storage fails, which must not affect the others."""
    try:
        return read_study(address).study
    except StorageError as error:
        log.warning("%s", error)
        return Study()


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
