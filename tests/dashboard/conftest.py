from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests, under every import mode

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.roots import StorageRoots
from airflow_sparktune.dashboard.shelf import Shelf
from airflow_sparktune.study.address import study_address

collect_ignore = ["site"]  # what the real Airflow of the browser tests loads
RUN = "/dags/churn/tasks/tune/runs/r1"


def everybody() -> None:
    return None


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where the study of the page under RUN lies."""
    return study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id="r1")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """The page's application, with everybody let in and every request reading anew."""
    return client_of(tmp_path)


def client_of(root: Path, guard: Callable[..., Any] = everybody) -> TestClient:
    app = create_app(StorageRoots((str(root),)), guard=guard, mask=plain_mask, shelf=Shelf(pause_s=0))
    return TestClient(app)


def plain_mask(value: Any, name: str | None = None) -> Any:
    return value
