"""Find the application of a segment's study, and the studies of an application."""

from __future__ import annotations

from airflow_sparktune.study.address import SEGMENT, address_of, application_of, split
from airflow_sparktune.study.segments import NAME, read_segments
from airflow_sparktune.study.storage import open_storage


def application_above(study: str) -> str | None:
    """Return the application that a segment's study belongs to; None for another study.

    Others may name a folder `segment=north`, too, so the application's folder must have segments.
    """
    found = application_of(study)
    return found if found is not None and NAME in open_storage(found).names("") else None


def has_studies(application: str) -> bool:
    """Return whether a study of a segment is left in an application."""
    folder, generation = split(application) or (application, None)
    storage = open_storage(folder)
    segments = (name for name in storage.names("") if name.startswith(SEGMENT))
    return any(generation is None or f"g{generation}" in storage.names(name) for name in segments)


def has_verdict(address: str) -> bool:
    """Return whether no retry continues what is at an address: a study, or an application with segments."""
    from airflow_sparktune.study.journal.follow import read_study  # a DAG processor needs no journal

    segments = read_segments(address)
    addresses = [address] if segments is None else [address_of(address, name) for name in segments.names]
    return all(read_study(each).study.has_verdict for each in addresses)
