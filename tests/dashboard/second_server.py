"""A second API server over a running Airflow: under a path, with users of whom one may see nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from airflow_site import Site, free_port, wait_for

PASSWORDS = {"reader": "reader-pass", "stranger": "stranger-pass"}


@dataclass(frozen=True)
class Server:
    """An API server; `url` ends without a slash, and has the path /airflow."""

    url: str

    def get(self, path: str, *, user: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token(user)}"} if user else {}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=30)

    def _token(self, user: str) -> str:
        login = {"username": user, "password": PASSWORDS[user]}
        answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=30)
        return str(answer.json()["access_token"])


@contextmanager
def second_server(first: Site) -> Iterator[Server]:
    """The server, until it is left."""
    port = free_port()
    server = Server(f"http://localhost:{port}/airflow")
    passwords = first.home / "second-passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent / "site"),  # where picky.py lies
        "AIRFLOW_HOME": str(first.home),
        "AIRFLOW__CORE__AUTH_MANAGER": "picky.PickyAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "reader:viewer,stranger:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": f"{server.url}/",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "for tests only, nothing behind it",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for tests only, nothing behind it, and long enough for the hash",
    }
    with (first.home / "second.log").open("wb") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), "api-server"],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_for(lambda: _healthy(server), within_s=120)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _healthy(server: Server) -> bool:
    try:
        return server.get("/api/v2/monitor/health").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
