"""A small cluster on this machine: it runs each application as a local Spark, and answers as YARN does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.integration.standalone_cluster import PYSPARK

# Started as spark-submit by the task: hands its arguments to the cluster, and does not wait.
SUBMIT = f"""#!{sys.executable}
import json, os, sys, urllib.request
request = urllib.request.Request(os.environ["SMALL_CLUSTER"] + "/submit", json.dumps(sys.argv[1:]).encode())
print("Submitted application", json.load(urllib.request.urlopen(request))["id"])
"""


@dataclass
class SmallCluster:
    """The applications by their ids, in the order of their submission; `killed` are those that were ended."""

    folder: Path
    applications: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    arguments: dict[str, list[str]] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    address: str = ""
    _submitting: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, arguments: list[str]) -> str:
        """Start an application from copies of its files, because the task removes them."""
        with self._submitting:  # two tasks may submit at once
            name = f"application_1_{len(self.arguments) + 1:04}"
            self.arguments[name] = arguments
        staged = self.folder / name
        staged.mkdir()
        own = [str(shutil.copy(each, staged)) if Path(each).is_file() else each for each in arguments]
        for at, option in enumerate(arguments, start=1):
            if option == "--py-files":
                own[at] = ",".join(str(shutil.copy(each, staged)) for each in arguments[at].split(","))
            elif option in ("--master", "--deploy-mode"):
                own[at] = {"--master": "local[1]", "--deploy-mode": "client"}[option]
        with (staged / "log").open("wb") as log:
            self.applications[name] = subprocess.Popen(
                [str(PYSPARK / "bin" / "spark-submit"), *own],
                cwd=staged,
                env={**os.environ, "SPARK_HOME": str(PYSPARK), "PYSPARK_PYTHON": sys.executable},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return name

    def of(self, study: str) -> list[str]:
        """Return the applications of the study at an address."""
        return [name for name, arguments in self.arguments.items() if study in arguments]

    def kill(self, name: str) -> None:
        self.killed.append(name)
        self._end(name)

    def state(self, name: str) -> tuple[str, str]:
        """Return an application's state and final status, in the words of YARN."""
        code = self.applications[name].poll()
        if name in self.killed:
            return "KILLED", "KILLED"
        if code is None:
            return "RUNNING", "UNDEFINED"
        return "FINISHED", "FAILED" if code else "SUCCEEDED"

    def close(self) -> None:
        for name in self.applications:
            self._end(name)

    def _end(self, name: str) -> None:
        process = self.applications[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


@contextmanager
def small_cluster(folder: Path) -> Iterator[SmallCluster]:
    """Run a cluster in this context; its `spark-submit` is in `folder`."""
    submit = folder / "spark3-submit"
    submit.write_text(SUBMIT)
    submit.chmod(0o755)
    cluster = SmallCluster(folder)
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        cluster.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield cluster
        finally:
            cluster.close()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """Serves `POST /submit`, and what the provider asks: `GET .../apps/ID` and `PUT .../apps/ID/state`."""

    cluster: SmallCluster

    def do_POST(self) -> None:
        self._answer({"id": self.cluster.submit(self._body())})

    def do_GET(self) -> None:
        state, final = self.cluster.state(self.path.split("/")[-1])
        self._answer({"app": {"state": state, "finalStatus": final, "diagnostics": ""}})

    def do_PUT(self) -> None:
        assert self._body() == {"state": "KILLED"}
        self.cluster.kill(self.path.split("/")[-2])
        self._answer({"state": "KILLED"})

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
