"""The page inside a real API server: the effect of a hanging storage, and who may stop a study."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from airflow_sparktune.study.address import study_address
from airflow_sparktune.study.stop_request import stop_requested
from airflow_sparktune.study.storage import open_storage
from tests.dashboard.helpers.second_server import PASSWORDS, Server, second_server
from tests.dashboard.helpers.synthetic import Writer
from tests.integration.airflow_site import Site, logged_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an AIRFLOW_HOME with a database."""
    home = tmp_path_factory.mktemp("airflow")
    airflow = Path(sys.executable).parent / "airflow"
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    subprocess.run([airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    return home


@contextmanager
def api_server(home: Path, storage: str) -> Iterator[Server]:
    with second_server(Site("", home), AIRFLOW__SPARKTUNE__STORAGE=storage) as server:
        yield server


def test_a_hundred_hanging_requests_leave_airflow_alone(home: Path) -> None:
    """The storage is a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        storage = f"http://127.0.0.1:{silent.getsockname()[1]}/studies"
        with api_server(home, storage) as server:
            login = logged_in(server.url, "reader", PASSWORDS["reader"])
            study = f"{server.url}/sparktune/dags/churn/tasks/tune/runs/r/study"
            with ThreadPoolExecutor(100) as pool:
                asked = [pool.submit(httpx.get, study, headers=login, timeout=120) for _ in range(100)]
                wait([asked[0]], timeout=2)  # some hang by now

                assert not all(each.done() for each in asked)
                for path in ("/api/v2/version", "/api/v2/monitor/health"):
                    answer = httpx.get(f"{server.url}{path}", headers=login, timeout=10)
                    assert answer.status_code == httpx.codes.OK
                assert {each.result().status_code for each in asked} == {503}


def test_a_user_who_may_edit_the_task_instance_may_stop_its_study(home: Path, tmp_path: Path) -> None:
    address = study_address(str(tmp_path), dag_id="churn", task_id="tune", run_id="r")
    Writer(address).open()
    with api_server(home, str(tmp_path)) as server:
        url = f"{server.url}/sparktune/dags/churn/tasks/tune/runs/r/stop?generation=0"
        headers = {"Content-Type": "application/json", "Origin": f"http://{urlsplit(server.url).netloc}"}

        def status(user: str | None, **changed: str) -> int:
            login = logged_in(server.url, user, PASSWORDS[user]) if user else {}
            return httpx.put(
                url, content="{}", headers={**headers, **login, **changed}, timeout=30
            ).status_code

        assert status(None) == httpx.codes.UNAUTHORIZED
        assert status("reader") == httpx.codes.FORBIDDEN
        assert status("editor", Origin="http://evil.example") == httpx.codes.FORBIDDEN
        assert stop_requested(open_storage(address), attempt=1) is None
        assert status("editor") == httpx.codes.OK

        found = stop_requested(open_storage(address), attempt=1)
        assert found is not None
        assert found.by == "editor"
