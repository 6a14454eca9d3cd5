"""A real Airflow for the browser tests, with its own home, on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
PASSWORDS = {"reader": "reader-pass", "stranger": "stranger-pass", "admin": "admin-pass"}


@dataclass(frozen=True)
class Site:
    """A running API server; `url` ends without a slash."""

    url: str
    home: Path

    def token(self, user: str) -> str:
        login = {"username": user, "password": PASSWORDS[user]}
        answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=30)
        return str(answer.json()["access_token"])

    def get(self, path: str, *, user: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=30)

    def call(self, method: str, path: str, **data: Any) -> Any:
        """Airflow's own API, as the administrator."""
        headers = {"Authorization": f"Bearer {self.token('admin')}"}
        answer = httpx.request(method, f"{self.url}/api/v2/{path}", headers=headers, json=data, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def trigger(self, dag: str, run: str) -> None:
        """Start a run of a DAG as soon as its file has been parsed."""
        wait_for(lambda: any(each["dag_id"] == dag for each in self.call("GET", "dags")["dags"]), within_s=90)
        self.call("PATCH", f"dags/{dag}", is_paused=False)
        self.call("POST", f"dags/{dag}/dagRuns", dag_run_id=run, logical_date=None)


def wait_for(ready: Any, *, within_s: float) -> None:
    """Until `ready()` holds; TimeoutError after that long."""
    end = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{ready} did not come true within {within_s} s")
        time.sleep(0.5)


@contextmanager
def standalone(home: Path) -> Iterator[Site]:
    """`airflow standalone` with the DAGs of site/dags."""
    site = Site(f"http://localhost:{_free_port()}", home)
    environment = _environment(site)
    (home / "passwords.json").write_text(json.dumps(PASSWORDS))
    with _running(["standalone"], environment, home / "standalone.log"):
        wait_for(lambda: _healthy(site), within_s=180)
        yield site


@contextmanager
def second_server(first: Site) -> Iterator[Site]:
    """Another API server over the same Airflow: under /airflow, with a user who may see nothing."""
    site = Site(f"http://localhost:{_free_port()}/airflow", first.home)
    environment = {**_environment(site), "AIRFLOW__CORE__AUTH_MANAGER": "picky.PickyAuthManager"}
    with _running(["api-server"], environment, first.home / "second.log"):
        wait_for(lambda: _healthy(site), within_s=120)
        yield site


def _environment(site: Site) -> dict[str, str]:
    port = site.url.split(":")[2].split("/")[0]
    scripts = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",  # standalone looks for `airflow` there
        "PYTHONPATH": f"{HERE / 'site'}:{HERE}",
        "AIRFLOW_HOME": str(site.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "site" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "reader:viewer,stranger:viewer,admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(site.home / "passwords.json"),
        "AIRFLOW__API__BASE_URL": f"{site.url}/",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "for tests only, nothing behind it",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for tests only, nothing behind it, and long enough for the hash",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    }


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    # A session of its own: SIGINT to the group is how `airflow standalone` is stopped as a whole.
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), *command],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield
    except TimeoutError as error:
        raise TimeoutError(f"{error}; the end of its log:\n{log.read_text()[-3000:]}") from error
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _healthy(site: Site) -> bool:
    try:
        return httpx.get(f"{site.url}/api/v2/monitor/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
