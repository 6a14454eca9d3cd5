"""The segment that a mapped task instance tunes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context


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
