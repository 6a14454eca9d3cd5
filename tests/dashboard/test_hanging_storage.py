"""A storage that hangs does not block other studies or the rest of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from airflow_sparktune.dashboard.app import create_app
from airflow_sparktune.dashboard.storage_roots import StorageRoots
from airflow_sparktune.dashboard.study_cache import StudyCache
from airflow_sparktune.dashboard.workers import Workers
from airflow_sparktune.study.storage import LocalStorage
from tests.dashboard.helpers.pages import RUN, as_it_is, everybody, somebody
from tests.dashboard.helpers.serving import served
from tests.dashboard.helpers.synthetic import Writer

OTHER = RUN.replace("/r1", "/r2")


class Stuck:
    """Reads below r1 hang until `go_on` is set; `reached` is set when a read hangs."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.reached = threading.Event()


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    stuck = Stuck()
    names = LocalStorage.names

    def hanging(self: LocalStorage, folder: str) -> list[str]:
        if "/r1/g0" in str(self._root):
            stuck.reached.set()
            stuck.go_on.wait(60)
        return names(self, folder)

    monkeypatch.setattr(LocalStorage, "names", hanging)
    yield stuck
    stuck.go_on.set()


@pytest.fixture
def app(tmp_path: Path, address: str) -> FastAPI:
    for run in ("r1", "r2"):
        writer = Writer(address.replace("/r1/", f"/{run}/"))
        writer.open()
        writer.run(3)
    app = create_app(
        StorageRoots((str(tmp_path),)),
        guard=everybody,
        editor=somebody,
        mask=as_it_is,
        cache=StudyCache(patience_s=0.2),
        workers=Workers(threads=3, deadline_s=1.0),
    )
    app.get("/version")(lambda: "of a route that shares the server's pool")  # type: ignore[arg-type]
    return app


def test_a_hundred_hanging_requests_leave_the_servers_own_routes_alone(app: FastAPI, stuck: Stuck) -> None:
    with served(app) as url, ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(httpx.get, f"{url}{RUN}/study", timeout=30) for _ in range(100)]
        assert stuck.reached.wait(10)

        assert httpx.get(f"{url}/version", timeout=5).status_code == 200

        answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        assert httpx.get(f"{url}{OTHER}/study", timeout=5).json()["summary"]["trials"] == 3
        stuck.go_on.set()


def test_a_study_is_shown_again_when_its_storage_responds(app: FastAPI, stuck: Stuck) -> None:
    with served(app) as url:
        assert httpx.get(f"{url}{RUN}/study", timeout=5).status_code == 503
        stuck.go_on.set()
        deadline = time.monotonic() + 10
        while (answer := httpx.get(f"{url}{RUN}/study", timeout=5)).status_code == 503:
            assert time.monotonic() < deadline

        assert answer.json()["summary"]["trials"] == 3
