"""The segments that a task's arguments name, checked."""

from __future__ import annotations

from airflow.sdk import Context

from airflow_sparktune.errors import SpecError
from airflow_sparktune.orchestrator.arguments import SEGMENT_ARGUMENTS, After
from airflow_sparktune.orchestrator.operator import SparkTuneOperator
from airflow_sparktune.orchestrator.secrets import refuse_secrets
from airflow_sparktune.study.definition import Spec
from airflow_sparktune.study.json_values import shown
from airflow_sparktune.study.segments import Segments, segments_given


def segments_of(task: SparkTuneOperator, context: Context, spec: Spec) -> Segments | None:
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


def require_no_segments(task: SparkTuneOperator) -> None:
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
