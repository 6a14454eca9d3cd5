"""A second API server for an AIRFLOW_HOME: below a path, for users with and without rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.integration.airflow_site import Site, free_port, logged_in, running

PASSWORDS = {"reader": "reader-pass", "stranger": "stranger-pass", "editor": "editor-pass"}


@dataclass(frozen=True)
class Server:
    """An API server; `url` ends without a slash, and has the path /airflow."""

    url: str

    def get(self, path: str, *, user: str | None = None) -> httpx.Response:
        headers = logged_in(self.url, user, PASSWORDS[user]) if user else {}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=30)


@contextmanager
def second_server(first: Site, **settings: str) -> Iterator[Server]:
    """Run the server in this context; `settings` are environment variables."""
    server = Server(f"http://localhost:{free_port()}/airflow")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent / "site"),  # the folder of picky.py
        "AIRFLOW__CORE__AUTH_MANAGER": "picky.PickyAuthManager",
        **settings,
    }
    with running(
        "api-server", server.url, first.home, passwords=PASSWORDS, role="viewer", environment=environment
    ):
        yield server
