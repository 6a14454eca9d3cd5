"""Run the segments of a task in one application."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from airflow.sdk import Context

from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.segments.application import SegmentsJob
from airflow_sparktune.orchestrator.segments.ends import SegmentEnd
from airflow_sparktune.orchestrator.segments.progress import segments_look
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.orchestrator.task.study_run import StudyRun, next_try
from airflow_sparktune.study.record.champions import Champions
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.storage.at_once import at_once

log = logging.getLogger(__name__)


def run_segments(task: SparkTuneOperator, context: Context) -> list[SegmentEnd]:
    """Run the segments that have no result yet, and return the ends of all, in order."""
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

    def in_force(end: SegmentEnd) -> SegmentEnd:
        try:
            end.study.decision = decision_in_force(end.study, end.address, Champions(root, end.name))
        except SparktuneError as error:  # of its own record, which must not affect the others
            return replace(end, error=error)
        return end

    return at_once(lambda end: in_force(end) if end.error is None and end.study.decision else end, ends)
