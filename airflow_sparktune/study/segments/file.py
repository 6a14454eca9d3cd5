"""`segments.json` hands the segments to the driver, as `spec.json` does a single study."""

from __future__ import annotations

from airflow_sparktune.study.definition.file import parsed, read_submitted
from airflow_sparktune.study.segments.segments import Segments
from airflow_sparktune.study.storage import Storage, open_storage

NAME = "segments.json"


def write_segments(address: str, segments: Segments) -> None:
    """Write the segments into the application's folder, replacing earlier ones."""
    open_storage(address).write(NAME, segments.encoded)


def read_submitted_segments(storage: Storage, address: str, *, sha256: str) -> Segments:
    """Read the submitted segments; raises StorageError if they are missing, SpecError if the hash differs."""
    return parsed(read_submitted(storage, address, NAME, sha256=sha256), NAME, Segments.from_json)


def read_segments(address: str) -> Segments | None:
    """Read the segments of an application; None if there is no such file, SpecError if it is invalid."""
    try:
        data = open_storage(address).read(NAME)
    except FileNotFoundError:
        return None
    return parsed(data, NAME, Segments.from_json)
