"""The page's application for the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.study_cache import StudyCache

TASK = "/dags/churn/tasks/tune"
RUN = f"{TASK}/runs/r1"


def everybody() -> None:
    """Accept every user, as a guard."""


def nobody() -> None:
    """Reject every user, as a guard."""
    raise HTTPException(403, "Forbidden")


def somebody() -> str:
    """Return the name of a user, as an editor."""
    return "ada"


def as_it_is(value: Any, name: str | None = None) -> Any:
    """Return the value unchanged, as a mask."""
    return value


def client_of(
    root: Path,
    guard: Callable[..., Any] = everybody,
    editor: Callable[..., Any] = somebody,
    *,
    read_s: float = 60.0,
) -> TestClient:
    """Return a client of the application for a storage root; every request reads it, for `read_s`."""
    cache = StudyCache(pause_s=0, read_s=read_s)
    app = create_app(StorageRoots((str(root),)), guard=guard, editor=editor, mask=as_it_is, cache=cache)
    return TestClient(app)
