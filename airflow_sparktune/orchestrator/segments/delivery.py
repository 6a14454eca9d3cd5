"""Deliver the results of the segments of a task to Airflow."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_sparktune.errors import IncumbentBroken
from airflow_sparktune.orchestrator.after import count, end_without_change, remove_what_is_not_kept
from airflow_sparktune.orchestrator.arguments import After
from airflow_sparktune.orchestrator.production import announce, notify
from airflow_sparktune.orchestrator.segments.ends import named, require_results
from airflow_sparktune.orchestrator.segments.results import Result
from airflow_sparktune.orchestrator.task.generation import champions_of
from airflow_sparktune.study.record.champions import vanished

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator

log = logging.getLogger(__name__)

# The key of the task's state that holds of which segments the notifiers have been told.
_TOLD = "sparktune_told"


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
