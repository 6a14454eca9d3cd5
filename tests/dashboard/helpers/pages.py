"""The page's application as the tests ask it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from fastapi.testclient import TestClient

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.roots import StorageRoots
from airflow_sparktune.dashboard.shelf import Shelf

TASK = "/dags/churn/tasks/tune"
RUN = f"{TASK}/runs/r1"


def everybody() -> None:
    """A guard that lets everybody in."""


def nobody() -> None:
    """A guard that lets nobody in."""
    raise HTTPException(403, "Forbidden")


def somebody() -> str:
    """An editor."""
    return "ada"


def as_it_is(value: Any, name: str | None = None) -> Any:
    """A mask that hides nothing."""
    return value


def client_of(
    root: Path, guard: Callable[..., Any] = everybody, editor: Callable[..., Any] = somebody
) -> TestClient:
    """The application over a storage root; every request reads the storage."""
    app = create_app(
        StorageRoots((str(root),)), guard=guard, editor=editor, mask=as_it_is, shelf=Shelf(pause_s=0)
    )
    return TestClient(app)
