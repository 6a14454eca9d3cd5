"""Serve the page's application on loopback for a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from tests.integration.airflow_site import free_port, wait_for


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Yield the address of the application, which runs in this context."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, what=f"the page's server on port {port}", within_s=60)
    yield f"http://localhost:{port}"
    server.should_exit = True
    thread.join(timeout=10)
