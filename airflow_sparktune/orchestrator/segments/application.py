"""Run the segments of a job in one application, for the Airflow task and the shell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from airflow_sparktune.errors import PlatformError, SegmentsFailed, SparktuneError, StorageError, revive
from airflow_sparktune.orchestrator.deploy.job import Job, Submission, SubmitFailed
from airflow_sparktune.orchestrator.deploy.launcher import Launcher
from airflow_sparktune.orchestrator.deploy.run import Standing, hand_over, prepared, result_of
from airflow_sparktune.orchestrator.segments.ends import SegmentEnd
from airflow_sparktune.study.address import address_of
from airflow_sparktune.study.files.stop_request import stop_requested
from airflow_sparktune.study.journal.follow import read_study
from airflow_sparktune.study.segments import Segment, Segments
from airflow_sparktune.study.storage import open_storage
from airflow_sparktune.study.storage.at_once import at_once
from airflow_sparktune.study.study import Study

log = logging.getLogger(__name__)


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
