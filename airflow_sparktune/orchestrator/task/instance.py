"""Read from a task's context the time of its study's data, its segment, and the folders of its code."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow.sdk import Context

from airflow_sparktune.study.files.airflow_task import AirflowTask


def moment_of(context: Context) -> float | None:
    """Return the time of the data that a run is about, in seconds since 1970, or None if it has none.

    It is the end of the run's data interval, else its logical date, else the time after which it may run. A
    clear changes none of them. A run that assets have triggered has only the last one.
    """
    due = getattr(context.get("dag_run"), "run_after", None)
    for found in (context.get("data_interval_end"), context.get("logical_date"), due):
        if found is not None:
            return float(found.timestamp())
    return None


def airflow_task_of(context: Context) -> AirflowTask:
    """Return the task instance with its page in Airflow, for readers outside Airflow."""
    ti = context["ti"]
    url = getattr(ti, "log_url", None)  # missing in `dag.test()`
    return AirflowTask(
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        run_id=ti.run_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        url=url.partition("?")[0] if url else None,
    )


def code_bases(context: Context) -> tuple[Path, ...]:
    """Return the folders to search for the modules of a task."""
    return folders_of(Path(context["dag"].fileloc))


def folders_of(dag_file: Path) -> tuple[Path, ...]:
    """Return the folders to search for modules: the DAG file's folder, then its ancestors on sys.path."""
    return _folders_of(dag_file, tuple(sys.path))


@lru_cache(maxsize=8)  # a DAG file may have hundreds of tasks
def _folders_of(dag_file: Path, entries: tuple[str, ...]) -> tuple[Path, ...]:
    above = dag_file.resolve().parents
    folders = (Path(entry or ".").resolve() for entry in entries)
    return (dag_file.parent, *(each for each in folders if each in above and each != dag_file.parent))


def segment_of(context: Context, given: str | None, arguments: dict[str, Any]) -> str | None:
    """Return the given name, or a digest of the mapped arguments; None if the task is not mapped.

    The map index is no part of it: lists change their order and length, and a champion must stay with its
    segment. `arguments` are those of this instance by name.
    """
    if given is not None:
        return given
    index = context["ti"].map_index
    if index is None or index < 0:
        return None
    mapped = _mapped(context, arguments)
    text = json.dumps(mapped, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mapped(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that the DAG maps, i.e. those that differ between instances."""
    task = context["dag"].task_dict.get(context["ti"].task_id)  # as parsed, before its expansion
    fixed = getattr(task, "partial_kwargs", {})
    mapped = {name: value for name, value in arguments.items() if name not in fixed and value is not None}
    if "op_kwargs" in arguments:  # a decorated task: one dict of arguments that are mapped individually
        common = fixed.get("op_kwargs") or {}
        mapped["op_kwargs"] = {
            name: value for name, value in (arguments["op_kwargs"] or {}).items() if name not in common
        }
    return mapped
