"""The page's application for the tests."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Granted:
    """The rights of a user who may read these DAGs, and the task instances of some of them."""

    dags: Collection[str]
    without_instances: Collection[str] = ()

    def dag_ids(self) -> Collection[str]:
        return self.dags

    def may_read(self, dag_ids: Collection[str]) -> Collection[str]:
        return set(dag_ids) - set(self.without_instances)


def as_it_is(value: Any, name: str | None = None) -> Any:
    """Return the value unchanged, as a mask."""
    return value


def client_of(
    root: Path,
    guard: Callable[..., Any] = everybody,
    editor: Callable[..., Any] = somebody,
    rights: Callable[..., Any] | None = None,
    *,
    read_s: float = 60.0,
) -> TestClient:
    """Return a client of the application for a storage root; every request reads it, for `read_s`.

    Without `rights`, the user may read all DAGs that have a folder.
    """

    def all_dags() -> Granted:
        return Granted([folder.name for folder in root.iterdir()])

    cache = StudyCache(pause_s=0, read_s=read_s)
    app = create_app(
        StorageRoots((str(root),)),
        guard=guard,
        editor=editor,
        rights=rights or all_dags,
        mask=as_it_is,
        cache=cache,
    )
    return TestClient(app)
