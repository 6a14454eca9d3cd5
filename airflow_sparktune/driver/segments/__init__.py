"""Run an application of many segments: a study in a lane of its own for each, on one engine."""

from airflow_sparktune.driver.segments.application import run_segments

__all__ = ["run_segments"]
