"""A real standalone Spark cluster on loopback: a master and two workers of one core."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.integration.airflow_site import free_port, wait_for

PYSPARK = Path(find_spec("pyspark").origin).parent
DEPLOY = "org.apache.spark.deploy"


@contextmanager
def standalone_cluster(folder: Path) -> Iterator[str]:
    """Yield the master's URL once both workers have registered; logs and work folders are in `folder`."""
    port, host = free_port(), ["--host", "127.0.0.1"]
    master = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        arguments = (f"{DEPLOY}.master.Master", *host, "--port", str(port), "--webui-port", str(free_port()))
        stack.enter_context(_daemon(folder / "master.log", *arguments))
        wait_for(lambda: _listens(port), what=f"the master to listen on port {port}", within_s=180)
        for number in (1, 2):
            size = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"worker{number}")]
            ports = ["--webui-port", str(free_port())]
            arguments = (f"{DEPLOY}.worker.Worker", *host, *size, *ports, master)
            stack.enter_context(_daemon(folder / f"worker{number}.log", *arguments))
        log = folder / "master.log"
        wait_for(
            lambda: log.read_text().count("Registering worker"),
            lambda workers: workers == 2,
            what="two workers to register",
            within_s=180,
        )
        yield master


@contextmanager
def _daemon(log: Path, *arguments: str) -> Iterator[None]:
    command = [str(PYSPARK / "bin" / "spark-class"), *arguments]
    environment = {**os.environ, "SPARK_HOME": str(PYSPARK)}
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
