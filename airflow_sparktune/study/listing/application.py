"""The studies of an application's segments, as one listing shows them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from airflow_sparktune.errors import StorageError
from airflow_sparktune.study.address import folder_of, split
from airflow_sparktune.study.journal.decode import decoded
from airflow_sparktune.study.listing.folder import TaskFolder
from airflow_sparktune.study.listing.listed import study_of
from airflow_sparktune.study.segments import NAME
from airflow_sparktune.study.storage import Storage, open_storage

_FILE = re.compile(r"(?P<segment>segment=[^/]+)/(g(?P<generation>[0-9]{1,4})/)?(?P<file>.*)")


def segment_count(storage: Storage, application: str) -> int | None:
    """Return how many segments the application at a path has; None if its file cannot be read."""
    try:
        segments = decoded(storage.read(f"{application}/{NAME}"))["segments"]
    except (StorageError, OSError, ValueError, TypeError, LookupError):
        return None
    return len(segments) if isinstance(segments, list) else None


def segments_folder(address: str, *, map_index: int = -1, packed: bool = True) -> TaskFolder:
    """Return the folder of the task of an application, with only the studies of the application's segments.

    `map_index` is that of its task instance: it tells a map index from a run whose id is a number. With
    `packed`, the task's pack is read for rows that are not in memory.
    """
    own = split(address)
    instance, generation = own or (address.rstrip("/"), None)
    task = instance
    if generation is not None:
        task = folder_of(instance) if map_index < 0 else folder_of(folder_of(instance))
    below = instance.removeprefix(task).strip("/")
    storage = open_storage(task)
    files: dict[str, list[str]] = defaultdict(list)
    closed = set()
    wanted = None if generation is None else str(generation)
    for path in storage.tree(below):
        if (match := _FILE.fullmatch(path)) is None:
            continue
        if path.endswith("/"):  # a folder that cannot be listed
            closed.add(match["segment"])
        elif match["generation"] == wanted:
            files[match["segment"]].append(match["file"])
    studies = []
    for segment in files.keys() | closed:
        path = "/".join(filter(None, [below, segment, f"g{generation}" if wanted else ""]))
        place = below.partition("/")[0], map_index, segment
        study = study_of(path, place, generation or 0, files[segment])
        studies.append(replace(study, closed_folder=segment in closed))
    return TaskFolder(task, storage, studies, packed=packed, part=below)
