"""A real MLflow server on loopback, and a proxy in front of it that injects faults."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STARTS_WITHIN_S = 240


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a server with an SQLite store in `folder`; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "server.log").open("w") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + STARTS_WITHIN_S
        while not _answers(f"{address}/health"):
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def runs_of(server: str, experiment: str) -> tuple[Any, Mapping[int, Any]]:
    """Return the parent run and the children by trial number, read by an independent client."""
    from mlflow import MlflowClient

    client = MlflowClient(server)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    everything = client.search_runs([found.experiment_id], max_results=1_000)
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in everything if "mlflow.parentRunId" in run.data.tags]
    (parent,) = parents
    assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
    numbered = {int(run.data.tags["sparktune.trial"]): run for run in children}
    assert len(numbered) == len(children)
    return parent, numbered


def losses_of(server: str, run: Any) -> dict[int, float]:
    """Return the learning curve of a trial's run: its losses by step."""
    from mlflow import MlflowClient

    history = MlflowClient(server).get_metric_history(run.info.run_id, "reported_loss")
    assert len({each.step for each in history}) == len(history)
    return {each.step: each.value for each in history}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


class Proxy(ThreadingHTTPServer):
    """Passes on the next `passes` requests, or all (None); `counts` has their numbers by path.

    The others fail according to `mode`: `fails` (a response of 500), `swallows` (the server acts, but its
    response is lost), `hangs`.
    """

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = server
        self.mode = "fails"
        self.passes: int | None = None
        self.counts: Counter[str] = Counter()
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.released = threading.Event()


class _Passing(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def do_PATCH(self) -> None:
        self._pass()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].removeprefix("/api/2.0/mlflow/")
        self.server.counts[path] += 1
        mode = self._mode()
        if mode == "fails":
            self._answer(500, b"{}")
        elif mode == "hangs":
            self.server.released.wait()
        else:
            status, answer = self._ask(body)
            if mode == "works":
                self._answer(status, answer)

    def _mode(self) -> str:
        if self.server.passes is None:
            return "works"
        if self.server.passes > 0:
            self.server.passes -= 1
            return "works"
        return self.server.mode

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        request = urllib.request.Request(
            self.server.behind + self.path, data=body or None, headers=headers, method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def proxy_of(server: str) -> Iterator[Proxy]:
    """Yield a running proxy in front of `server`."""
    with Proxy(server) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield proxy
        proxy.released.set()
        proxy.shutdown()
