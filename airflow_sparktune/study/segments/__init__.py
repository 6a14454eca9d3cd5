"""The segments of an application: their definition, their file, and the studies that they have."""

from airflow_sparktune.study.segments.file import (
    NAME,
    read_segments,
    read_submitted_segments,
    write_segments,
)
from airflow_sparktune.study.segments.segment import MOST, Segment, parse_segments
from airflow_sparktune.study.segments.segments import ON_FAILED, PER_SEGMENT, Segments, segments_given

__all__ = [
    "MOST",
    "NAME",
    "ON_FAILED",
    "PER_SEGMENT",
    "Segment",
    "Segments",
    "parse_segments",
    "read_segments",
    "read_submitted_segments",
    "segments_given",
    "write_segments",
]
