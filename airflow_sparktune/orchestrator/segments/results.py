"""Run the segments of a task in one application; each has a result."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.orchestrator.segments.application import SegmentsJob
from airflow_sparktune.orchestrator.segments.ends import SegmentEnd
from airflow_sparktune.orchestrator.segments.progress import segments_look
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.orchestrator.task.study_run import StudyRun, next_try
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.result import Summary, summary
from airflow_sparktune.study.storage.at_once import at_once

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator

log = logging.getLogger(__name__)

# How much of an error the table of the segments has.
_LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a segment, with the summary of its study."""

    end: SegmentEnd
    summary: Summary

    @property
    def changes_production(self) -> bool:
        """Return whether the segment has a new champion."""
        decision = self.summary.decision
        return self.end.error is None and decision is not None and decision.changes_production

    @property
    def keeps(self) -> bool:
        """Return whether the segment's production stays as it is after a decision."""
        return self.summary.decision is not None and not self.changes_production

    @property
    def outcome(self) -> str:
        """Return what became of the segment in a word."""
        if self.end.error is not None:
            return "interrupted" if self.end.interrupted else "failed"
        return self.summary.outcome or "tuned"

    def returned(self) -> dict[str, Any]:
        """Return what a training needs; the rest is in the study, because XCom must stay small."""
        found = self.summary
        return {
            "segment": self.end.name,
            "best_params": found.best_params,
            "best_loss": found.best_loss,
            **({"best_score": found.best_score} if found.maximize else {}),
            "decision": found.outcome,
            "study": self.end.address,
        }

    def row(self) -> dict[str, Any]:
        """Return the segment's line in the table of all segments."""
        found, error = self.summary, self.end.error
        return {
            "segment": self.end.name,
            "decision": found.outcome,
            "trials": found.trials,
            "best_loss": found.best_loss,
            "slot_hours": found.reserved_slot_hours,
            **({} if error is None else {"error": str(error).partition("\n")[0][:_LONGEST_ERROR]}),
        }


def run_segments(task: SparkTuneOperator, context: Context) -> list[Result]:
    """Run the segments that have no result yet, and return how all have ended, in order."""
    run = StudyRun(task, context)
    job, tracker = run.prepare()
    assert job.segments is not None
    application = SegmentsJob.of(job, job.segments)
    log.info("%d of %d segments are to run", len(application.left), len(application.before))
    look = segments_look(job.address, job.segments, run.tell)
    with run.under_way(job.address, tracker):
        ends = application.run(
            launcher=partial(task.launcher, context),
            following=partial(run.following, job.address, look),
            again=next_try(context),
        )
    root = champions_of(context, task.storage)

    def result(end: SegmentEnd) -> Result:
        if end.error is None and end.study.decision is not None:
            record = Champions(root, end.name)
            try:
                end.study.decision = decision_in_force(end.study, end.address, record)
            except SparktuneError as error:  # of its own record, which must not affect the others
                end = replace(end, error=error)
        return Result(end, summary(end.study))

    return at_once(result, ends)
