"""The address of a study: a pure function from a task instance to a folder."""

from __future__ import annotations

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# How the folder of a segment begins.
SEGMENT = "segment="
_HASHED = re.compile(r".*-[0-9a-f]{8}")
# At most four digits, so that a date in a user's folder name (g20261124) is not taken for a generation.
GENERATION = re.compile(r"g(0|[1-9][0-9]{0,3})")


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


def segment_folder(segment: str) -> str:
    """Return the name of a segment's folder; a file system may ignore case, so names differ without it.

    >>> segment_folder("north"), segment_folder("North")
    ('segment=north', 'segment=North-43f853bb')
    """
    name = part(segment)
    if name != name.lower():
        name = f"{name}-{hashlib.sha256(segment.encode()).hexdigest()[:8]}"
    return f"{SEGMENT}{name}"


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


def split(address: str) -> tuple[str, int] | None:
    """Return the folder and the number of a generation; None for another study.

    >>> split("/data/churn/tune/r1/g2"), split("/data/g20261124")
    (('/data/churn/tune/r1', 2), None)
    """
    folder, _, name = address.rstrip("/").rpartition("/")
    found = GENERATION.fullmatch(name)
    return (folder, int(found[1])) if found is not None and folder else None


def address_of(application: str, segment: str) -> str:
    """Return the address of a segment's study: beside the application's folder, in it if it is no generation.

    >>> address_of("/data/churn/tune/r1/g2", "north"), address_of("week.study", "north")
    ('/data/churn/tune/r1/segment=north/g2', 'week.study/segment=north')
    """
    if (own := split(application)) is None:
        return f"{application.rstrip('/')}/{segment_folder(segment)}"
    folder, generation = own
    return f"{folder}/{segment_folder(segment)}/g{generation}"


def application_of(study: str) -> str | None:
    """Return the address of the application that a segment's study belongs to, None for another study.

    >>> application_of("/data/churn/tune/r1/segment=north/g2"), application_of("week.study/segment=north")
    ('/data/churn/tune/r1/g2', 'week.study')
    >>> application_of("/data/churn/tune/r1/g2") is None
    True
    """
    folder, generation = split(study) or (study.rstrip("/"), None)
    parent, _, name = folder.rpartition("/")
    if not parent or not name.startswith(SEGMENT):
        return None
    return parent if generation is None else f"{parent}/g{generation}"
