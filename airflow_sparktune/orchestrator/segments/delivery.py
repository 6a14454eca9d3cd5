"""Deliver the results of the segments of a task to Airflow."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.errors import IncumbentBroken
from airflow_sparktune.orchestrator.after import count, end_without_change, promotes, remove_what_is_not_kept
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.production import announce, notify
from airflow_sparktune.orchestrator.segments.ends import SegmentEnd, named, require_results
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.study.record.champions import segments

log = logging.getLogger(__name__)

# The key of the task's state that holds of which segments the notifiers have been told.
_TOLD = "sparktune_told"


def deliver_segments(
    task: SparkTuneOperator, after: After, ends: Sequence[SegmentEnd], context: Context
) -> Any:
    """Deliver the results of segments to Airflow, first all that is known; returns what the task returns.

    Raises DriverLost or SegmentsFailed if segments have no result, and as `deliver` does if production stays
    as it is: with "skip" only if it does in all of them, while otherwise those that keep it are left out.
    """
    root, address = champions_of(context, task.storage), str(task.study_address)
    gone = list(filter(None, segments(root, [], but=[each.name for each in ends])))
    if gone:
        log.warning("not among the segments any more, but with a champion on record: %s", ", ".join(gone))
    table = _table(ends, gone, address)
    log.info("%d segments: %s", len(ends), table["outcomes"])
    context["ti"].xcom_push(key="tuning_result", value=table)
    for each in ends:
        if each.ran:
            count(context, each.summary)
    _announce(task, after, ends, context)
    require_results(ends, on_failed=task.on_failed_segments or "fail")
    remove_what_is_not_kept(task, context)
    good = [each for each in ends if each.error is None]
    kept = [each.name for each in good if each.keeps]
    leaves_out = after.on_no_improvement == "skip"
    if kept and (len(kept) == len(good) or not leaves_out):
        end_without_change(after.on_no_improvement, f"{len(kept)} segments keep it: {named(kept)}")
    return [each.returned() for each in good if not (leaves_out and each.keeps)]


def _table(ends: Sequence[SegmentEnd], gone: Sequence[str], address: str) -> dict[str, Any]:
    """Return the summary of all segments, small enough for XCom."""
    outcomes = Counter(each.outcome for each in ends)
    return {
        "study": address,
        "segments": [each.row() for each in ends],
        "outcomes": dict(outcomes),
        "reserved_slot_hours": round(sum(each.summary.reserved_slot_hours for each in ends), 4),
        "vanished": list(gone),
    }


def _announce(task: SparkTuneOperator, after: After, ends: Sequence[SegmentEnd], context: Context) -> None:
    """Announce each new champion, and tell of each broken incumbent; notifiers hear of a segment once.

    Airflow sends the events when the task succeeds, so that a retry must announce them again.
    """
    store, address = context.get("task_state_store"), str(task.study_address)
    told = set[str]()
    match store.get(_TOLD) if store is not None else None:
        case {"study": str(known), "told": list(names)} if known == address:
            told.update(map(str, names))
    for each in ends:
        name = hashlib.sha256(each.name.encode()).hexdigest()[:8]
        tells = name not in told
        if isinstance(each.error, IncumbentBroken) and tells:
            facts = {"segment": each.name, "study": each.address, "error": str(each.error)}
            notify(after.on_broken, context, tuning=facts)
        elif each.changes_production and promotes(each.study):
            log.info("%s: %s", each.name, each.summary.decision.text if each.summary.decision else "")
            notifiers = after.on_replaced if tells else None
            announce(context, each.summary, each.address, production=task.production, notifiers=notifiers)
        else:
            continue
        told.add(name)
    if store is not None and told and (after.on_replaced or after.on_broken):
        store.set(_TOLD, {"study": address, "told": list[Any](sorted(told))}, retention=NEVER_EXPIRE)
