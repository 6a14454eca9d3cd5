"""A real standalone Spark cluster on loopback: a master and two workers of one core."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
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
        workers = [stack.enter_context(_worker(folder / f"worker{number}", master)) for number in (1, 2)]
        for log in workers:
            _registered(log)
        yield master


@contextmanager
def worker_with_gpus(folder: Path, master: str, *, cores: int, gpus: Sequence[str]) -> Iterator[None]:
    """Add a worker whose discovery script pretends GPUs at these addresses."""
    script = folder / "gpus.sh"
    script.write_text(f"#!/bin/sh\necho '{json.dumps({'name': 'gpu', 'addresses': gpus})}'\n")
    script.chmod(0o755)
    setting = "-Dspark.worker.resource.gpu"
    options = f"{setting}.amount={len(gpus)} {setting}.discoveryScript={script}"
    with _worker(folder / "worker", master, cores=cores, SPARK_WORKER_OPTS=options) as log:
        _registered(log)
        yield


@contextmanager
def _worker(folder: Path, master: str, *, cores: int = 1, **environment: str) -> Iterator[Path]:
    """Start a worker, and yield its log."""
    size = ["--cores", str(cores), "--memory", "1g", "--work-dir", str(folder)]
    arguments = ("--host", "127.0.0.1", *size, "--webui-port", str(free_port()), master)
    log = folder.with_suffix(".log")
    with _daemon(log, f"{DEPLOY}.worker.Worker", *arguments, **environment):
        yield log


def _registered(log: Path) -> None:
    wait_for(
        lambda: "Successfully registered with master" in log.read_text(),
        what=f"the worker of {log} to register",
        within_s=180,
    )


@contextmanager
def _daemon(log: Path, *arguments: str, **environ: str) -> Iterator[None]:
    command = [str(PYSPARK / "bin" / "spark-class"), *arguments]
    environment = {**os.environ, "SPARK_HOME": str(PYSPARK), **environ}
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
