"""The address of a study: a pure function from a task instance to a folder."""

from __future__ import annotations

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_HASHED = re.compile(r".*-[0-9a-f]{8}")


def part(text: str) -> str:
    """Return `text` as one folder name, with a short hash appended if characters had to be replaced.

    Different texts give different names.

    >>> part("retune_digits"), part("manual__2026-01-01T00:00:00+00:00")
    ('retune_digits', 'manual__2026-01-01T00_00_00_00_00-1e8dc70c')
    """
    safe = _UNSAFE.sub("_", text)[:100]
    # A name of dots would leave the storage. A name that looks hashed could collide with a hashed one.
    if safe == text and safe.strip(".") and not _HASHED.fullmatch(safe):
        return safe
    return f"{safe.strip('.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def study_address(
    storage: str, *, dag_id: str, task_id: str, run_id: str, map_index: int = -1, generation: int = 0
) -> str:
    """Return `<storage>/<dag>/<task>/<run>[/<map index>]/g<generation>`.

    >>> study_address("/data", dag_id="churn", task_id="tune", run_id="r1", map_index=3)
    '/data/churn/tune/r1/3/g0'
    """
    folder = instance_folder(storage, dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index)
    return f"{folder}/g{generation}"


def instance_folder(storage: str, *, dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> str:
    """Return the folder that holds the studies of a task instance, one for each generation."""
    index = [] if map_index < 0 else [str(map_index)]
    task = task_folder(storage, dag_id=dag_id, task_id=task_id)
    return "/".join([task, part(run_id), *index])


def task_folder(storage: str, *, dag_id: str, task_id: str) -> str:
    """Return the folder that holds a task's studies and the record of its champions."""
    root = storage.rstrip("/")
    if root.endswith(":"):  # only a scheme, such as memory://
        root += "//"
    return "/".join([root, part(dag_id), part(task_id)])


def folder_of(address: str) -> str:
    """Return the parent folder of a study.

    >>> folder_of("s3://lake/churn/2026-11-24"), folder_of("week.study")
    ('s3://lake/churn', '.')
    """
    return address.rstrip("/").rpartition("/")[0] or "."
