"""Run the segments of a task in one application, and deliver their results to Airflow."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.errors import IncumbentBroken, SparktuneError
from airflow_sparktune.orchestrator.after import count, end_without_change, remove_what_is_not_kept
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.deploy.segments import (
    SegmentEnd,
    SegmentsJob,
    named,
    require_results,
)
from airflow_sparktune.orchestrator.production import announce, notify
from airflow_sparktune.orchestrator.segments import segments_look
from airflow_sparktune.orchestrator.study_run import StudyRun, next_try
from airflow_sparktune.orchestrator.task_study import champions_of
from airflow_sparktune.study.record.champions import Champions, vanished
from airflow_sparktune.study.record.promotion import decision_in_force
from airflow_sparktune.study.result import Summary, summary
from airflow_sparktune.study.storage.at_once import at_once

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator

log = logging.getLogger(__name__)

# The key of the task's state that holds of which segments the notifiers have been told.
_TOLD = "sparktune_told"
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


def deliver_segments(
    task: SparkTuneOperator, after: After, results: Sequence[Result], context: Context
) -> Any:
    """Deliver the results of segments to Airflow, first all that is known; returns what the task returns.

    Raises DriverLost or SegmentsFailed if segments have no result, and as `deliver` does if production stays
    as it is: with "skip" only if it does in all of them, while otherwise those that keep it are left out.
    """
    root, address = champions_of(context, task.storage), str(task.study_address)
    gone = vanished(root, [each.end.name for each in results])
    if gone:
        log.warning("not among the segments any more, but with a champion on record: %s", ", ".join(gone))
    table = _table(results, gone, address)
    log.info("%d segments: %s", len(results), table["outcomes"])
    context["ti"].xcom_push(key="tuning_result", value=table)
    for each in results:
        if each.end.ran:
            count(context, each.summary)
    _announce(task, after, results, context)
    require_results([each.end for each in results], on_failed=task.on_failed_segments or "fail")
    remove_what_is_not_kept(task, context)
    good = [each for each in results if each.end.error is None]
    kept = [each.end.name for each in good if each.keeps]
    leaves_out = after.on_no_improvement == "skip"
    if kept and (len(kept) == len(good) or not leaves_out):
        end_without_change(after.on_no_improvement, f"{len(kept)} segments keep it: {named(kept)}")
    return [each.returned() for each in good if not (leaves_out and each.keeps)]


def _table(results: Sequence[Result], gone: Sequence[str], address: str) -> dict[str, Any]:
    """Return the summary of all segments, small enough for XCom."""
    outcomes = Counter(each.outcome for each in results)
    return {
        "study": address,
        "segments": [each.row() for each in results],
        "outcomes": dict(outcomes),
        "reserved_slot_hours": round(sum(each.summary.reserved_slot_hours for each in results), 4),
        "vanished": list(gone),
    }


def _announce(task: SparkTuneOperator, after: After, results: Sequence[Result], context: Context) -> None:
    """Announce each new champion, and tell of each broken incumbent; notifiers hear of a segment once.

    Airflow sends the events when the task succeeds, so that a retry must announce them again.
    """
    store, address = context.get("task_state_store"), str(task.study_address)
    told = set[str]()
    match store.get(_TOLD) if store is not None else None:
        case {"study": str(known), "told": list(names)} if known == address:
            told.update(map(str, names))
    for each in results:
        name = hashlib.sha256(each.end.name.encode()).hexdigest()[:8]
        tells = name not in told
        if isinstance(each.end.error, IncumbentBroken) and tells:
            facts = {"segment": each.end.name, "study": each.end.address, "error": str(each.end.error)}
            notify(after.on_broken, context, tuning=facts)
        elif each.changes_production and _promotes(each):
            log.info("%s: %s", each.end.name, each.summary.decision.text if each.summary.decision else "")
            notifiers = after.on_replaced if tells else None
            announce(context, each.summary, each.end.address, production=task.production, notifiers=notifiers)
        else:
            continue
        told.add(name)
    if store is not None and told and (after.on_replaced or after.on_broken):
        store.set(_TOLD, {"study": address, "told": list[Any](sorted(told))}, retention=NEVER_EXPIRE)


def _promotes(result: Result) -> bool:
    """Return whether a decision changes production by itself, without `promote_champion`."""
    spec = result.end.study.spec
    return spec is not None and spec.retuning.promote == "decision"
