"""The segments of a task: what its arguments say, and the progress of their studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_sparktune.errors import SpecError, StorageError
from airflow_sparktune.orchestrator.arguments import SEGMENT_ARGUMENTS, After
from airflow_sparktune.orchestrator.deploy.segments import MOST_NAMED
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.json_values import shown
from airflow_sparktune.study.segments import Segments, segments_given
from airflow_sparktune.study.segments_follower import SegmentsFollower
from airflow_sparktune.study.study import Study

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sparktune.orchestrator.operator import SparkTuneOperator
    from airflow_sparktune.orchestrator.submitters.prepare import PrepareStudyOperator


def segments_of(
    task: SparkTuneOperator | PrepareStudyOperator, context: Context, spec: Spec
) -> Segments | None:
    """Return the segments that a task's arguments name, None if it has none; raises SpecError.

    `spec` is what they have in common.
    """
    found = segments_given(spec, **{name: getattr(task, name) for name in SEGMENT_ARGUMENTS})
    if found is None:
        return None
    _require_mapped_too(context)
    if After.parse("after", task.after or {}).xcom_return != "params":
        raise SpecError(
            "after.xcom_return must be left unset with segments, got 'summary'; the task returns a small "
            "result of each, and the summaries are in the studies"
        )
    refuse_secrets({"segments": found.to_json()["segments"]})
    return found


def require_no_segments(task: SparkTuneOperator | PrepareStudyOperator) -> None:
    """Raise SpecError if a task with a script has an argument for segments."""
    for name in SEGMENT_ARGUMENTS:
        if (value := getattr(task, name)) is not None:
            raise SpecError(f"{name} must be left out with an application, got {shown(value)}; remove it")


def _require_mapped_too(context: Context) -> None:
    """Raise SpecError if all instances of a mapped task have the same segments, and so the same champions."""
    ti = context["ti"]
    parsed = context["dag"].task_dict.get(ti.task_id)
    if ti.map_index is not None and ti.map_index >= 0 and "segments" in getattr(parsed, "partial_kwargs", {}):
        raise SpecError(
            "segments of a mapped task must be mapped, too, because each has one champion, got the same ones "
            "in every instance; move them to expand(), or run one task with all of them"
        )


def segments_look(
    address: str, segments: Segments, tell: Callable[[Study, dict[str, Any]], None]
) -> Callable[[], None]:
    """Return a function that calls `tell` with the newest study and the progress, if that has changed."""
    follower = SegmentsFollower(address, segments.names)
    reported = None

    def look() -> None:
        nonlocal reported
        with suppress(StorageError):  # the driver reports it, and other studies have been read
            follower.refresh()
        now = segments_progress(follower.study, total=len(segments.names))
        if follower.study and now != reported:
            tell(max(follower.study.values(), key=lambda study: study.attempts[-1].opened), now)
            reported = now

    return look


def segments_progress(studies: Mapping[str, Study], *, total: int) -> dict[str, Any]:
    """Return a short description of the progress of segments as JSON; `studies` are those that have begun."""
    ended = {name: study for name, study in studies.items() if study.closed is not None}
    outcomes = Counter(study.decision.outcome.value for study in ended.values() if study.decision)
    return {
        "done": f"{len(ended)}/{total} segments",
        "running": len(studies) - len(ended),
        "waiting": total - len(studies),
        "failed": [name for name, study in ended.items() if not study.result_stands][:MOST_NAMED],
        "trials": sum(study.finished for study in studies.values()),
        **({"decisions": dict(outcomes)} if outcomes else {}),
    }
