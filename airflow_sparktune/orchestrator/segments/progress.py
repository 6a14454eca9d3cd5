"""The progress of an application with segments, for Airflow and the shell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from airflow_sparktune.errors import StorageError
from airflow_sparktune.orchestrator.segments.ends import MOST_NAMED
from airflow_sparktune.study.segments import Segments
from airflow_sparktune.study.segments.follower import SegmentsFollower
from airflow_sparktune.study.study import Study


def segments_look(
    address: str, segments: Segments, tell: Callable[[Study, dict[str, Any]], None]
) -> Callable[[], None]:
    """Return a function that calls `tell` with the newest study and the progress, if that has changed."""
    follower = SegmentsFollower(address, segments.names)
    reported = None

    def look() -> None:
        nonlocal reported
        with suppress(StorageError):  # the driver reports it, and other studies have been read
            follower.refresh()
        now = segments_progress(follower.study, total=len(segments.names))
        if follower.study and now != reported:
            tell(max(follower.study.values(), key=lambda study: study.attempts[-1].opened), now)
            reported = now

    return look


def segments_progress(studies: Mapping[str, Study], *, total: int) -> dict[str, Any]:
    """Return a short description of the progress of segments as JSON; `studies` are those that have begun."""
    ended = {name: study for name, study in studies.items() if study.closed is not None}
    outcomes = Counter(study.decision.outcome.value for study in ended.values() if study.decision)
    return {
        "done": f"{len(ended)}/{total} segments",
        "running": len(studies) - len(ended),
        "waiting": total - len(studies),
        "failed": [name for name, study in ended.items() if not study.result_stands][:MOST_NAMED],
        "trials": sum(study.finished for study in studies.values()),
        **({"decisions": dict(outcomes)} if outcomes else {}),
    }
